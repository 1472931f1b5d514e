import Foundation
import NetworkAddresses
import TestKit
import Testing
import Timestamps

/// Lists of indicators, from the command line to the events.
@Suite(.serialized)
struct IndicatorTests {
    private let scratch = try! Scratch()
    private static let start = Timestamp(second: 1_795_000_000)

    private func list(_ name: String, _ text: String) throws -> String {
        try scratch.write(name, Data((text + "\n").utf8))
    }

    /// A frame of the worker, or of another host, at a second.
    private func record(
        _ second: Int, from source: String = "10.60.4.13", to destination: String,
        _ payload: [UInt8], _ number: UInt8 = 6
    ) -> CaptureFile.Record {
        var frame = Frame.ethernet(0x0800, Frame.ipv4(source, destination, number, payload))
        // The MAC address that the inventory gives to the host.
        frame.replaceSubrange(6..<12, with: [0x02, 0x42] + Frame.address(source).bytes)
        return CaptureFile.Record(Self.start + .seconds(second), frame)
    }

    private func connection(
        _ second: Int, from source: String = "10.60.4.13", to destination: String
    ) -> CaptureFile.Record {
        record(
            second, from: source, to: destination,
            Frame.tcp(UInt16(30_000 + second % 30_000), 443, flags: 2))
    }

    private func question(
        _ second: Int, _ name: String, from source: String = "10.60.4.13",
        to resolver: String = "10.60.1.53"
    ) -> CaptureFile.Record {
        record(
            second, from: source, to: resolver,
            Frame.udp(UInt16(30_000 + second % 30_000), 53, Frame.dns(name)), 17)
    }

    private func replay(
        _ records: [CaptureFile.Record], _ lists: [String], _ more: String...
    ) throws -> Run {
        let capture = try scratch.write("\(UUID()).pcap", Data(CaptureFile.pcap(records)))
        let run = try Run(
            [
                "replay", "-r", capture, "-m", try scratch.model(), "--inventory",
                "captures/inventory.yaml", "--format", "eve",
            ] + lists.flatMap { ["--indicators", $0] } + more)
        try #require(run.status == 0, "\(run.errors)")
        return run
    }

    private func details(_ event: [String: Any]) -> [String: Any] {
        event["lazaret"] as? [String: Any] ?? [:]
    }

    /// The alerts of indicators.
    private func alerts(_ run: Run) throws -> [[String: Any]] {
        try run.json.filter {
            (details($0)["pattern"] as? String)?.hasPrefix("known_bad_") == true
        }
    }

    @Test func aContactWithAListedAddressIsWatchedAndExplained() throws {
        let lists = [
            try list("first.netset", "203.0.113.0/24"), try list("second.ipset", "203.0.113.9"),
            try list("third.ipset", "198.51.100.1"),
        ]
        let run = try replay(
            [connection(0, to: "203.0.113.9"), connection(3, to: "192.0.2.1")], lists)
        let found = try alerts(run)
        #expect(found.count == 1, "\(run.output)")
        let event = try #require(found.first)
        let alert = details(event)
        #expect(alert["workload"] as? String == "worker")
        #expect(alert["pattern"] as? String == "known_bad_address")
        #expect(alert["decision"] as? String == "watch")
        #expect(event["dest_ip"] as? String == "203.0.113.9")
        let hit = try #require((alert["indicators"] as? [[String: Any]])?.first)
        #expect(hit["value"] as? String == "203.0.113.9" && hit["type"] as? String == "address")
        #expect(hit["agree"] as? Int == 2 && hit["lists"] as? Int == 3)
        let sources = try #require(hit["sources"] as? [[String: Any]])
        #expect(Set(sources.compactMap { $0["name"] as? String }) == Set(lists.prefix(2)))
        #expect(sources.contains { $0["object"] as? String == "203.0.113.0/24" })
        let reason = (alert["reasons"] as? [[String: Any]])?.first?["text"] as? String ?? ""
        #expect(reason.contains("2 of 3 lists") && reason.contains("confidence 50"), "\(reason)")
        #expect(!run.output.contains(#""event_type":"quarantine""#))
        // The alert is read again as it was written.
        let id = try #require(alert["event_id"] as? String)
        let file = try scratch.write("eve.json", Data(run.output.utf8))
        let explained = try Run("explain", id, "--events", file)
        #expect(
            explained.status == 0 && explained.output.contains("2 of 3 lists"),
            "\(explained.output) \(explained.errors)")
    }

    @Test func aQuestionForAListedNameOrOneBelowIsWatched() throws {
        let lists = [try list("hosts", "0.0.0.0 evil.example")]
        let run = try replay(
            [
                question(0, "a.b.EVIL.example"),
                // The resolver passes on what others ask for.
                question(0, "a.b.evil.example", from: "10.60.1.53", to: "198.51.100.53"),
                question(2, "notevil.example"), question(4, "example"),
            ], lists)
        let found = try alerts(run)
        #expect(found.map { details($0)["workload"] as? String } == ["worker"], "\(run.output)")
        let alert = details(try #require(found.first))
        #expect(alert["pattern"] as? String == "known_bad_name")
        let hit = try #require((alert["indicators"] as? [[String: Any]])?.first)
        #expect(hit["value"] as? String == "evil.example")
        // The resolver is not attacked.
        #expect(alert["target"] == nil)
    }

    @Test func aBusyHostIsReportedOnceAnHourForEachObject() throws {
        let lists = [try list("list", "203.0.113.0/24\nevil.example")]
        var records: [CaptureFile.Record] = []
        for second in stride(from: 0, to: 4200, by: 5) {
            records.append(connection(second, to: "203.0.113.9"))
            records.append(question(second, "x\(second).evil.example"))
        }
        let found = try alerts(try replay(records, lists))
        let patterns = found.compactMap { details($0)["pattern"] as? String }
        #expect(patterns.count { $0 == "known_bad_address" } == 2, "\(patterns)")
        #expect(patterns.count { $0 == "known_bad_name" } == 2, "\(patterns)")
        #expect(Set(found.compactMap { details($0)["event_id"] as? String }).count == 4)
    }

    /// Two listed peers in one second are two alerts; a thousand are not a flood.
    @Test func aHostWithManyListedPeersIsReportedForSome() throws {
        let lists = [try list("list", "203.0.0.0/16")]
        let two = try alerts(
            try replay(
                [connection(0, to: "203.0.113.9"), connection(0, to: "203.0.113.10")], lists))
        #expect(Set(two.compactMap { $0["dest_ip"] as? String }).count == 2)
        let many = (0..<1000).map { connection($0 / 10, to: "203.0.\($0 / 250).\($0 % 250)") }
        let found = try alerts(try replay(many, lists))
        #expect((16...32).contains(found.count), "\(found.count)")
    }

    /// Lists with the node's gateway, its resolver, all addresses, private ones and `com`.
    @Test func aHostileListAccusesNobodyOfOrdinaryTraffic() throws {
        let hostile = try list(
            "hostile",
            """
            10.60.1.1
            10.60.1.53
            0.0.0.0/0
            ::/0
            10.0.0.0/8
            10.60.0.0/16
            128.0.0.0/1
            com
            co.uk
            test
            0.0.0.0
            """)
        let model = try scratch.model()
        let run = try Run(
            "replay", "-r", "captures/clean-test.pcap", "-m", model, "--inventory",
            "captures/inventory.yaml", "--format", "eve", "--indicators", hostile)
        let plain = try Run(
            "replay", "-r", "captures/clean-test.pcap", "-m", model, "--inventory",
            "captures/inventory.yaml", "--format", "eve")
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output == plain.output && !run.output.contains("known_bad_"))
    }

    /// Lists change priority and explanation: what is fenced, and what else is found, stays.
    @Test func indicatorsChangeNoDecision() throws {
        let model = try scratch.model()
        let common = [
            "replay", "-r", "captures/mixed.pcap", "-m", model, "--inventory",
            "captures/inventory.yaml", "--format", "eve",
        ]
        let plain = try Run(common + ["--plan", scratch.path("plain.nft")])
        let peers = Set(
            try plain.json.flatMap { [$0["src_ip"], $0["dest_ip"]] }.compactMap { $0 as? String })
        let list = try list(
            "all", peers.sorted().joined(separator: "\n") + "\n198.18.0.0/16\n203.0.0.0/16")
        let listed = try Run(
            common + ["--plan", scratch.path("listed.nft"), "--indicators", list])
        #expect(plain.status == 0 && listed.status == 0, "\(listed.errors)")
        func kept(_ run: Run) throws -> [String] {
            try run.json.map { event in
                let facts = details(event)
                return [
                    event["timestamp"], event["event_type"], event["src_ip"], event["dest_ip"],
                    facts["pattern"], facts["event_id"], facts["decision"], facts["score"],
                    facts["action"], facts["quarantine_id"],
                ].map { "\($0 ?? "-")" }.joined(separator: " ")
            }.filter { !$0.contains("known_bad_") }
        }
        #expect(try kept(plain).count > 20)
        #expect(try kept(plain) == kept(listed))
        func plan(_ name: String) throws -> String {
            try String(contentsOfFile: scratch.path(name), encoding: .utf8)
        }
        #expect(try plan("plain.nft") == plan("listed.nft"))
        #expect(try !alerts(listed).isEmpty)
        // An alert that names a listed address says so, and is more urgent.
        let outside = try listed.json.filter {
            (details($0)["indicators"] as? [Any])?.isEmpty == false
                && (details($0)["pattern"] as? String)?.hasPrefix("known_bad_") != true
        }
        #expect(!outside.isEmpty)
        for event in outside {
            let reasons = details(event)["reasons"] as? [[String: Any]] ?? []
            #expect(
                reasons.contains { ($0["text"] as? String)?.contains("is on the list") == true })
        }
    }

    /// *Malicious* on a list's alert fences nobody; *benign* ends such alerts of the workload, and
    /// what the window had besides does not become ordinary.
    @Test func feedbackOnAnIndicatorNeitherFencesNorHides() throws {
        let list = try list("all", "198.18.0.0/16\n203.0.0.0/16")
        let model = try scratch.model()
        func run(_ feedback: String?) throws -> Run {
            try? FileManager.default.removeItem(atPath: model + ".feedback.jsonl")
            let words = [
                "replay", "-r", "captures/mixed.pcap", "-m", model, "--inventory",
                "captures/inventory.yaml", "--format", "eve", "--indicators", list,
            ]
            let plain = try Run(words)
            guard let feedback else { return plain }
            let events = try scratch.write("\(UUID()).json", Data(plain.output.utf8))
            for id in try alerts(plain).compactMap({ details($0)["event_id"] as? String }) {
                let said = try Run("feedback", "-m", model, "--events", events, id, feedback)
                try #require(said.status == 0, "\(said.errors)")
            }
            return try Run(words)
        }
        func fences(_ run: Run) throws -> [String] {
            try run.json.filter { $0["event_type"] as? String == "quarantine" }.map {
                "\($0["src_ip"] ?? "") \(details($0)["action"] ?? "")"
            }
        }
        let plain = try run(nil)
        #expect(try !alerts(plain).isEmpty && !fences(plain).isEmpty)
        let malicious = try run("--malicious")
        #expect(try fences(malicious) == fences(plain))
        let benign = try run("--benign")
        #expect(try alerts(benign).isEmpty)
        #expect(try fences(benign) == fences(plain))
    }

    @Test func anUnusableListEndsAReplayInOneLine() throws {
        let cut = try scratch.write("cut", Data("203.0.113.9\n203.0.113.1".utf8))
        let model = try scratch.model()
        let run = try Run(
            "replay", "-r", "captures/clean-test.pcap", "-m", model, "--indicators", cut)
        #expect(run.status == 1 && run.output.isEmpty)
        #expect(run.errors.hasPrefix("lazaret: \(cut): ends in the middle of a line"))
        #expect(run.errors.count { $0 == "\n" } == 1, "\(run.errors)")
        let usage = try Run(
            "replay", "-r", "captures/clean-test.pcap", "--indicators", cut)
        #expect(usage.status == 2 && usage.errors.contains("--indicators needs a model"))
    }

    // MARK: - Commands

    @Test func checkSaysWhatIsLoadedAndRefused() throws {
        let good = try list("good", "198.51.100.7\n10.0.0.0/8\n\u{1B}[31mred\nevil.example")
        let run = try Run("indicators", "check", good)
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("2 loaded") && run.output.contains("1 over-broad"))
        #expect(run.output.contains("1 unreadable") && run.output.contains("such as"))
        let text = run.output.unicodeScalars
        #expect(text.allSatisfy { $0 == "\n" || (32..<127).contains($0.value) }, "\(run.output)")
        let broken = try scratch.write("broken", Data("<html>\n<p>\n".utf8))
        let both = try Run("indicators", "check", good, broken, "/dev/zero")
        #expect(both.status == 2 && both.output.contains("2 loaded"))
        #expect(both.errors.count { $0 == "\n" } == 2, "\(both.errors)")
        #expect(both.errors.contains("is no list") && both.errors.contains("no plain file"))
    }

    @Test func findSaysWhichListsHaveAnObject() throws {
        let first = try list("first", "203.0.113.0/24\nevil.example")
        let second = try list("second", "203.0.113.9")
        let file = try scratch.write(
            "lazaret.yaml",
            Data(
                """
                interfaces: [eth0]
                indicators:
                  - {name: first, path: \(first), max_age: 7d, confidence: 80}
                  - {name: second, path: \(second)}
                allow:
                  - {prefix: 203.0.113.77, reason: our partner}
                """.utf8))
        func find(_ value: String) throws -> String {
            let run = try Run("indicators", "find", value, "-c", file)
            #expect(run.status == 0, "\(run.errors)")
            return run.output
        }
        let both = try find("203.0.113.9")
        #expect(both.contains("2 of 2 lists") && both.contains("confidence 80"), "\(both)")
        #expect(both.contains("  first: 203.0.113.0/24") && both.contains("  second: 203.0.113.9"))
        #expect(try find("www.evil.example").contains("evil.example is on the list first"))
        #expect(try find("203.0.113.77").contains("allowed: our partner"))
        #expect(try find("198.51.100.1") == "198.51.100.1 is on none of 2 lists\n")
        #expect(try find("a\u{1B}[2J").contains("a?[2J"))
    }

    @Test func twoListsWithOneNameAreAFault() throws {
        let file = try scratch.write(
            "lazaret.yaml",
            Data(
                """
                interfaces: [lo]
                indicators:
                  - {name: a, path: /x}
                  - {name: a, path: /y}
                """.utf8))
        let run = try Run("config", "check", "-c", file)
        #expect(run.status == 2 && run.errors.contains("the name 'a' is given twice"))
    }
}
