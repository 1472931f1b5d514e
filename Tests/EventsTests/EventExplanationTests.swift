import AnomalyDetection
import Foundation
import NetworkAddresses
import Testing
import Timestamps

@testable import Events

/// The output of `lazaret explain` for an alert and its context.
struct EventExplanationTests {
    private var explanation: EventExplanation {
        var alert = Samples.fullAlert
        alert.workload = "worker"
        var explanation = EventExplanation(of: alert, at: Samples.time)
        explanation.baselineKind = "workload"
        explanation.baselineWindows = 90
        explanation.nearestNote = "not known"
        explanation.flowSource = "eve.json holds no flow events"
        explanation.changes = [(Samples.time, Samples.change("10.60.4.13", isFull: false))]
        explanation.undo = ["lazaret quarantine release 10.60.4.13"]
        return explanation
    }

    @Test func noChanceIsSmallerThanATrainingCanTell() {
        var explanation = explanation
        explanation.alert.pValue = 6.4e-152
        #expect(explanation.text.contains("as high with chance below 1 in 1,000,000\n"))
    }

    @Test func theAlertIsExplainedWithItsNumbers() {
        #expect(
            explanation.text == """
                event d346eb09b7787e59  2026-11-21 01:12:47 to 01:12:57 UTC
                  worker (10.60.4.13), as source, over 10 s: port scan (T1046)
                  target: db (10.60.3.5), 881 ports
                  last flow to 10.60.3.5 TCP 853
                  score 0.982, threshold 0.75; a clean minute scores as high with chance 0.0012
                  decision: quarantine

                Why
                  881 distinct destination ports in 10 s; clean maximum 1
                      ports: 881.38 ports, where the median clean window has 1 and 99 % have at \
                most 1.5; 11 % of the score

                Against what
                  the baseline of workload worker: 90 clean windows of 10 s; model f2aca0987b02bc03

                Nearest normal window
                  not known

                Flows behind it
                  none: eve.json holds no flow events

                Packets
                  packets/20261121T011257Z-worker.pcapng (no longer there)

                Rules, and how to undo them
                  fence of 10.60.4.13, drop, until 2026-11-21 01:22:57 UTC
                    lazaret quarantine release 10.60.4.13

                """)
    }

    @Test func theJSONHasTheSameContent() throws {
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(explanation.json.utf8)) as? [String: Any])
        #expect(object["event_id"] as? String == "d346eb09b7787e59")
        #expect(object["window_end"] as? Int == 1_795_223_577)
        #expect(object["contact"] as? String == "10.60.3.5 TCP 853")
        #expect(object["target"] as? String == "10.60.3.5")
        #expect(object["target_workload"] as? String == "db")
        #expect(object["capture_file_exists"] as? Bool == false)
        let reasons = try #require(object["reasons"] as? [[String: Any]])
        #expect(
            reasons[0]["feature"] as? String == "ports" && reasons[0]["share"] as? Double == 0.105)
        let changes = try #require(object["fences"] as? [[String: Any]])
        #expect(changes[0]["action"] as? String == "fence")
        #expect(changes[0]["timestamp"] as? String == "2026-11-21T01:12:57.000250+0000")
    }

    @Test func anAlertWithFewFieldsIsExplainedAsFarAsPossible() {
        var alert = Samples.rankedAlert
        alert.workload = "\u{1B}[31mred"
        let text = EventExplanation(of: alert, at: .epoch).text
        #expect(text.contains("?[31mred (fd00::1), as source, over 600 s: unusual traffic\n"))
        #expect(text.contains("Why\n  3034 flows opened in 600 s\n"))
        #expect(
            text.contains("not in the alert") && text.contains("nothing was fenced for it"))
        #expect(!text.contains("score") && !text.contains("last flow"))
    }
}
