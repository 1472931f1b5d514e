import Foundation
import TestKit
import Testing

/// The times of incidents, and the extensions of their rules, in the sample capture.
@Suite(.serialized)
struct IncidentTimesTests {
    /// Bulk exfiltration lasts for eight seconds, and the host's ordinary traffic goes on.
    @Test func anIncidentEndsWithTheAttackAndItsRuleIsNotExtended() throws {
        let scratch = try Scratch()
        let model = try scratch.model()
        func replay(_ format: String, _ more: String...) throws -> [[String: Any]] {
            let words = ["replay", "-r", "captures/mixed.pcap", "-m", model, "--format", format]
            return try Run(words + ["--inventory", "captures/inventory.yaml"] + more).json
        }
        let folder = scratch.path("packets")
        let incidents = try replay("json", "--pcap-out", folder)
        let incident = try #require(incidents.first { $0["offender"] as? String == "10.60.2.11" })
        let start = try #require(incident["start"] as? Int)
        let end = try #require(incident["end"] as? Int)
        #expect((8...20).contains(end - start), "\(incident)")
        // The sweep of addresses ends, and the host goes on to ask for its peers.
        let sweep = try #require(incidents.first { $0["offender"] as? String == "10.60.2.40" })
        let (first, last) = (sweep["start"] as? Int, sweep["end"] as? Int)
        #expect(try #require(last) - #require(first) <= 40, "\(sweep)")

        let events = try replay("eve").compactMap { $0["lazaret"] as? [String: Any] }
        let ofUpload = events.filter { $0["target"] as? String == "10.60.2.11" }
        let actions = ofUpload.compactMap { $0["action"] as? String }
        #expect(actions.count { $0 == "fence" } == 1)
        #expect(actions.count { $0 == "extend" } == 0, "\(actions)")

        // The packets of the upload are found.
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        let identifier = try #require(incident["event_id"] as? String)
        let file = try #require(files.first { $0.contains(identifier) })
        let flows = try Run(
            "flows", "-r", folder + "/" + file, "--format", "json", "host", "10.60.2.11"
        ).json
        let octets = flows.compactMap { flow in
            (flow["originator"] as? [String: Any])?["ip_bytes"] as? Int
        }
        #expect(octets.reduce(0, +) > 1_000_000)
    }
}
