import Foundation
import TestKit
import Testing

/// Feedback on an alert, and its effect on the next replay.
struct FeedbackTests {
    private let scratch: Scratch
    private let model: String
    private let events: String

    init() throws {
        scratch = try Scratch()
        model = try scratch.model()
        events = scratch.path("eve.json")
        _ = try replay(to: events)
    }

    @discardableResult
    private func replay(to path: String? = nil) throws -> String {
        let run = try Run("replay", "-r", "captures/mixed.pcap", "-m", model, "--format", "eve")
        #expect(run.status == 0, "\(run.errors)")
        if let path { try run.output.write(toFile: path, atomically: true, encoding: .utf8) }
        return run.output
    }

    private func alerts(_ text: String, of address: String) throws -> [[String: Any]] {
        try text.split(separator: "\n").compactMap {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }.filter {
            $0["event_type"] as? String == "alert" && $0["src_ip"] as? String == address
        }
    }

    /// The event_id of the last alert of `address` with this signature.
    private func identifier(_ signature: String, of address: String) throws -> String {
        let text = try String(contentsOfFile: events, encoding: .utf8)
        let found = try alerts(text, of: address).last {
            ($0["alert"] as? [String: Any])?["signature"] as? String == signature
        }
        let details = try #require(found?["lazaret"] as? [String: Any])
        return try #require(details["event_id"] as? String)
    }

    private func feedback(_ words: String...) throws -> Run {
        try Run(["feedback", "-m", model, "--events", events] + words)
    }

    @Test func aBenignAlertIsNotRepeatedUntilTheFeedbackIsRemoved() throws {
        let before = try String(contentsOfFile: events, encoding: .utf8)
        let sweep = try identifier("Lazaret ARP sweep", of: "10.60.2.40")
        let said = try feedback(sweep, "--benign")
        #expect(said.status == 0, "\(said.errors)")
        #expect(
            said.output.contains("\(sweep)  benign  monitor") && said.output.contains("arp_targets")
        )
        let after = try replay()
        #expect(try alerts(after, of: "10.60.2.40").isEmpty)
        // It has no effect on other workloads.
        #expect(try alerts(after, of: "10.60.4.13").count == alerts(before, of: "10.60.4.13").count)
        #expect(try feedback(sweep, "--withdraw").status == 0)
        #expect(try replay() == before)
    }

    private struct Incident: Decodable {
        var event_id: String
        var offender: String
        var start: Int
        var end: Int
    }

    private func incidents() throws -> (text: String, list: [Incident]) {
        let run = try Run("replay", "-r", "captures/mixed.pcap", "-m", model, "--format", "json")
        #expect(run.status == 0, "\(run.errors)")
        let list = try run.output.split(separator: "\n").map {
            try JSONDecoder().decode(Incident.self, from: Data($0.utf8))
        }
        return (run.output, list)
    }

    /// Not only what its first alert shows, but all that the incident reached is ordinary: the same
    /// again raises nothing.
    @Test(arguments: [
        "10.60.4.13", "10.60.4.15", "10.60.2.30", "203.0.113.66", "10.60.3.20", "10.60.2.12",
    ])
    func aBenignIncidentIsNotRepeated(offender: String) throws {
        let before = try incidents()
        let file = try scratch.write("incidents.json", Data(before.text.utf8))
        let incident = try #require(before.list.first { $0.offender == offender })
        let said = try Run(
            "feedback", "-m", model, "--events", file, incident.event_id, "--benign")
        #expect(said.status == 0, "\(said.errors)")
        #expect(said.output.contains("ordinary from now on for "), "\(said.output)")
        #expect(said.output.contains("not covered: "), "\(said.output)")
        let after = try incidents().list
        func during(_ list: [Incident]) -> [Incident] {
            list.filter {
                $0.offender == offender && $0.start <= incident.end && $0.end >= incident.start
            }
        }
        #expect(during(after).isEmpty, "\(during(after))")
        #expect(after.count { $0.offender != offender } >= before.list.count / 2)
        #expect(try feedback(incident.event_id, "--withdraw").status == 0)
        #expect(try incidents().text == before.text)
    }

    /// A file of alerts tells less of the incident than the incident itself, and more than one.
    @Test func theFirstAlertOfAFileSpeaksForTheOthersOfItsIncident() throws {
        let scan = try #require(try incidents().list.first { $0.offender == "10.60.4.13" })
        let said = try feedback(scan.event_id, "--benign")
        #expect(said.output.contains("up to, in 10 s: "), "\(said.errors)")
        #expect(said.output.contains("ports 975"), "\(said.output)")
        #expect(!said.output.contains("ports 30"), "\(said.output)")
    }

    @Test func aBenignContactBecomesKnownAndOthersDoNot() throws {
        let call = try identifier("Lazaret contact never seen before", of: "10.60.3.20")
        #expect(try feedback(call, "--benign").status == 0)
        #expect(try alerts(replay(), of: "10.60.3.20").isEmpty)
        #expect(try !alerts(replay(), of: "10.60.2.11").isEmpty)
    }

    @Test func aMaliciousPatternMayBeFenced() throws {
        func fences(_ text: String) -> Int {
            text.split(separator: "\n").count {
                $0.contains(#""event_type":"quarantine""#) && $0.contains("10.60.3.20")
            }
        }
        #expect(fences(try replay()) == 0)
        let beacon = try identifier("Lazaret beacon", of: "10.60.3.20")
        #expect(try feedback(beacon, "--malicious").status == 0)
        #expect(fences(try replay()) > 0)
    }

    @Test func invalidFeedbackIsReportedInOneLine() throws {
        for (words, status, part) in [
            (["0123456789abcdef", "--benign"], 1, "holds no alert with event_id 0123456789abcdef"),
            (["0123456789abcdef", "--withdraw"], 1, "nothing was said of event"),
            (["0123456789abcdef"], 2, "give --benign"), (["--benign"], 2, "of an alert is missing"),
        ] as [([String], Int32, String)] {
            let run = try Run(["feedback", "-m", model, "--events", events] + words)
            #expect(run.status == status && run.errors.contains(part), "\(run.errors)")
            #expect(run.errors.count { $0 == "\n" } == 1)
        }
        try Data("{}\n".utf8).write(to: URL(fileURLWithPath: model + ".feedback.jsonl"))
        let run = try Run("replay", "-r", "captures/mixed.pcap", "-m", model)
        #expect(run.status == 1 && run.errors.contains("line 1 is no feedback"), "\(run.errors)")
    }
}
