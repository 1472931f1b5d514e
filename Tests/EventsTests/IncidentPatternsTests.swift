import AttackPatterns
import FeatureExtraction
import Foundation
import NetworkAddresses
import Quarantine
import SenderAttribution
import Testing
import Timestamps

@testable import AnomalyDetection
@testable import Events

/// Each pattern of an incident, with its own time, target and evidence.
struct IncidentPatternsTests {
    private func verdict(
        at second: Int, _ pattern: Pattern, on target: UInt32, port: UInt16, evidence: Evidence,
        level: Verdict.Level, text: String
    ) -> Verdict {
        var contact = Contact()
        contact.address = IPAddress(v4: target)
        contact.ipProtocol = 6
        contact.port = port
        contact.second = second
        var window = Window(
            subject: IPAddress(v4: 0x0A00_0001), scale: .short, endSecond: second,
            values: [Float](repeating: 0, count: Feature.count), contact: contact)
        window.evidence = evidence
        var verdict = Verdict(
            window: window, workload: "worker", isKnown: true, baselineName: "worker", score: 0.875,
            pValue: 0.001, threshold: 0.75, pattern: pattern, strength: 2, excess: 9, level: level,
            isFarBeyond: false,
            grounds: .stated([
                Verdict.Reason(
                    feature: .ports, value: 40, baselineMedian: 1, baselineP99: 2,
                    baselineLargest: 3, share: 1, text: text)
            ]))
        verdict.nameTargets { $0 == IPAddress(v4: target) ? "host-\(target & 0xFF)" : nil }
        return verdict
    }

    /// A scan of one host, then password guessing at another.
    private var incident: Incident {
        get throws {
            var tracker = IncidentTracker()
            for second in 100..<110 {
                _ = tracker.observe(
                    verdict(
                        at: second, .verticalScan, on: 0x0A00_0005, port: 443, evidence: .port,
                        level: .quarantine, text: "40 distinct destination ports"),
                    eventID: "e1")
            }
            for second in 130..<150 {
                _ = tracker.observe(
                    verdict(
                        at: second, .guessing, on: 0x0A00_0006, port: 22, evidence: .mac,
                        level: .watch, text: "30 failed logins"), eventID: "e2")
            }
            return try #require(tracker.all.first)
        }
    }

    @Test func eachPatternHasItsOwnTimeTargetAndEvidence() throws {
        let summary = IncidentSummary(try incident, decisions: [])
        #expect(summary.patterns == ["port_scan", "password_guessing"])
        #expect(summary.start == 100 && summary.end == 150 && summary.windows == 30)
        let details = summary.patternDetails
        #expect(details.map(\.pattern) == summary.patterns)
        #expect(details.map(\.start) == [100, 130] && details.map(\.end) == [110, 150])
        #expect(details.map(\.windows) == [10, 20])
        #expect(details.map(\.evidence) == ["port", "mac"])
        #expect(details.map(\.technique) == ["T1046", "T1110"])
        #expect(details[1].target?.text == "host-6 (10.0.0.6) TCP 22")
        #expect(details[1].summary == "password guessing: 30 failed logins")
        #expect(details[1].reasons.map(\.text) == ["30 failed logins"])
    }

    @Test func theyAreReadAsTheyAreWritten() throws {
        let summary = IncidentSummary(try incident, decisions: [])
        let read = try JSONDecoder().decode(
            IncidentSummary.self, from: Data(summary.json.utf8))
        // Of a single target, `target` says all.
        var details = summary.patternDetails
        for index in details.indices { details[index].targets = [] }
        #expect(read.patternDetails == details)
        // An incident that an earlier version stored has none.
        let object = try #require(
            JSONSerialization.jsonObject(with: Data(summary.json.utf8)) as? [String: Any])
        let old = object.filter { $0.key != "pattern_details" }
        let before = try JSONDecoder().decode(
            IncidentSummary.self, from: JSONSerialization.data(withJSONObject: old))
        #expect(before.patternDetails.isEmpty && before.patterns == summary.patterns)
    }

    @Test func theTableListsTheOthersBelowTheFirst() throws {
        let text = IncidentReport.table([try incident], decisions: [], isColoured: false)
        let lines = text.split(separator: "\n").map(String.init)
        let also = try #require(lines.firstIndex { $0.contains("also: ") })
        #expect(lines[also].contains("1970-01-01 00:02:10"))
        #expect(lines[also].contains("password guessing: 30 failed logins (T1110)"))
        #expect(lines[also + 1].contains("target: host-6 (10.0.0.6) TCP 22"))
        #expect(lines[also + 2].contains("evidence: mac, "))
        #expect(lines.count { $0.contains("also: ") } == 1)
    }

    @Test func aRefusalIsKeptWithTheIncident() throws {
        let incident = try incident
        let rule = QuarantineRule(
            target: .prefix(IPPrefix(host: incident.offender)), expires: Timestamp(second: 105))
        let refused = QuarantineDecision(
            .refuse(.breakerOpen), rule, time: Timestamp(second: 105))
        let summary = IncidentSummary(incident, decisions: [refused])
        #expect(summary.refusal?.hasPrefix("the circuit breaker is open") == true)
        #expect(summary.json.contains(#""refused_because":"the circuit breaker"#))
        let fenced = QuarantineDecision(.add, rule, time: Timestamp(second: 106))
        #expect(IncidentSummary(incident, decisions: [refused, fenced]).refusal == nil)
    }
}
