import Foundation
import TestKit
import Testing

@Suite(.serialized)
struct ExplainTests {
    private let scratch: Scratch
    private let model: String
    private let events: String

    init() throws {
        scratch = try Scratch()
        model = try scratch.model()
        events = scratch.path("eve.json")
        let run = try Run(
            "replay", "-r", "captures/mixed.pcap", "-m", model, "--format", "eve", "-o", events,
            "--pcap-out", scratch.path("packets"))
        #expect(run.status == 0, "\(run.errors)")
    }

    /// The first alert of a pattern.
    private func alert(_ pattern: String) throws -> String {
        let text = try String(contentsOfFile: events, encoding: .utf8)
        let line = try #require(
            text.split(separator: "\n").first { $0.contains("\"pattern\":\"\(pattern)\"") })
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let details = try #require(object["lazaret"] as? [String: Any])
        return try #require(details["event_id"] as? String)
    }

    @Test func aScanIsExplainedCompletely() throws {
        let id = try alert("port_scan")
        let run = try Run(
            "explain", id, "--events", events, "-m", model, "-r", "captures/mixed.pcap")
        #expect(run.status == 0, "\(run.errors)")
        for part in [
            "worker (10.60.4.13), as source, over 10 s: port scan (T1046)",
            "where the median clean window has 0 and 99 % have at most 0",
            "the baseline of workload worker: ", " clean windows of 10 s; model ",
            "new to the baseline", "  1:", "... and ", "metered from captures/mixed.pcap",
            scratch.path("packets"), "lazaret quarantine release 10.60.4.13",
            "lazaret feedback \(id) --benign -m \(model) --events \(events)",
        ] {
            #expect(run.output.contains(part), "\(part)\n\(run.output)")
        }
        #expect(run.output.split(separator: "\n").count { $0.contains("  1:") } == 20)
    }

    @Test func theNearestNormalWindowIsNormal() throws {
        let run = try Run(
            "explain", try alert("dns_tunnel"), "--events", events, "-m", model, "-r",
            "captures/mixed.pcap", "--format", "json")
        let object = try #require(try run.json.first)
        let nearest = try #require(object["nearest_normal"] as? [String: Any])
        #expect(nearest["exact"] as? Bool == true)
        let threshold = try #require(nearest["threshold"] as? Double)
        let before = try #require(nearest["score_before"] as? Double)
        let after = try #require(nearest["score_after"] as? Double)
        #expect(before >= threshold)
        #expect(after < threshold || nearest["within_clean_range"] as? Bool == true)
        let changes = try #require(nearest["changes"] as? [[String: Any]])
        #expect(!changes.isEmpty)
        for change in changes {
            let (most, value) = (change["at_most"] as? Double, change["value"] as? Double)
            #expect(try #require(most) < (try #require(value)), "\(change)")
        }
        let flows = try #require(object["flows"] as? [[String: Any]])
        #expect((1...20).contains(flows.count))
        #expect(flows.allSatisfy { ($0["community_id"] as? String)?.hasPrefix("1:") == true })
    }

    @Test func flowEventsReplaceACapture() throws {
        let flows = try Run("flows", "-r", "captures/mixed.pcap", "--format", "eve").output
        let alerts = try String(contentsOfFile: events, encoding: .utf8)
        let both = try scratch.write("both.json", Data((alerts + flows).utf8))
        let run = try Run("explain", try alert("port_scan"), "--events", both)
        #expect(run.status == 0 && run.output.contains("from the flow events of \(both)"))
        #expect(run.output.contains("give the model with -m MODEL"))
        #expect(run.output.contains(" REJ ") || run.output.contains("  1:"))
    }

    @Test func missingFilesAreReportedInOneLine() throws {
        let unknown = try Run("explain", "0123456789abcdef", "--events", events)
        #expect(unknown.status == 1)
        #expect(
            unknown.errors
                == "lazaret: \(events): holds no alert with event_id 0123456789abcdef; "
                + "name the file with --events\n")
        let missing = try Run("explain", "x", "--events", scratch.path("none"))
        #expect(missing.status == 1 && missing.errors.hasSuffix(": No such file or directory\n"))
        let binary = try Run("explain", "x", "--events", "captures/mixed.pcap")
        #expect(binary.status == 1 && binary.errors.contains("holds no EVE events"))
        let bare = try Run("explain", "x")
        #expect(bare.status == 1 && bare.errors.contains("/lazaret.db"), "\(bare.errors)")
        #expect(bare.errors.contains("--events") || bare.errors.contains("holds no alert"))
    }
}
