import Foundation
import TestKit
import Testing
import Timestamps

/// `lazaret check`, as a pipeline uses it.
@Suite(.serialized, .needs("python3"))
struct CheckTests {
    private let scratch: Scratch
    private let model: String

    init() throws {
        scratch = try Scratch()
        model = try scratch.model()
    }

    private func check(
        _ capture: String, _ more: [String] = [], model: String? = nil, format: String = "json"
    ) throws -> Run {
        try Run(
            ["check", "-m", model ?? self.model, "-r", capture, "--format", format] + more)
    }

    private func findings(_ run: Run) throws -> [[String: Any]] {
        try #require(try run.json.first?["findings"] as? [[String: Any]], "\(run.errors)")
    }

    private func find(_ findings: [[String: Any]], _ kind: String, _ what: String) -> Bool {
        findings.contains {
            $0["kind"] as? String == kind && ($0["what"] as? String)?.hasPrefix(what) == true
        }
    }

    /// Reads a file with Python, as other programs do.
    private func python(_ script: String, _ input: String) throws -> Any {
        let said = try Namespace.command(["/usr/bin/python3", "-c", script], input: input)
        return try JSONSerialization.jsonObject(with: Data(said.utf8), options: .fragmentsAllowed)
    }

    private func junit(_ text: String) throws -> [[String: Any]] {
        let script = """
            import sys, json, xml.etree.ElementTree as E
            root = E.fromstring(sys.stdin.buffer.read())
            print(json.dumps([{"name": c.get("name"), "text": "".join(c.itertext())}
                              for c in root.iter("testcase")]))
            """
        return try #require(try python(script, text) as? [[String: Any]])
    }

    // MARK: - Samples

    /// The clean capture has replicas that the training lacks, and with them names, and a burst.
    @Test func theCleanCaptureHasNoNewContact() throws {
        let quiet = ["--without", "new-name", "--without", "new-volume"]
        for format in ["text", "sarif", "junit", "json"] {
            let run = try check("captures/clean-test.pcap", quiet, format: format)
            #expect(run.status == 0, "\(format): \(run.output) \(run.errors)")
        }
        let run = try check("captures/clean-test.pcap")
        #expect(run.status == 3)
        let found = try findings(run)
        #expect(try run.json.first?["known_flows"] as? Int == 5759)
        #expect(find(found, "new-name", "monitor (10.60.2.40) asks for app-3.lab"))
        let kinds = Set(found.compactMap { $0["kind"] as? String })
        #expect(kinds == ["new-name", "new-volume"])
        let cases = try junit(try check("captures/clean-test.pcap", format: "junit").output)
        #expect(cases.count == 5)
        #expect(cases.count { $0["text"] as? String == "" } == 3)
    }

    @Test func attacksShowAsNewContactsPortsAddressesNamesAndVolumes() throws {
        let run = try check("captures/mixed.pcap")
        #expect(run.status == 3)
        let found = try findings(run)
        // Lateral movement, a scan, an upload to a new address, a tunnel, bulk reading.
        #expect(find(found, "new-contact", "web (10.60.1.12) -> db (10.60.3.5) TCP 5432"))
        #expect(find(found, "new-port", "worker (10.60.4.13) -> db (10.60.3.5) TCP 1, 2, 3, 4"))
        #expect(find(found, "new-outside-address", "backup (10.60.3.20) -> outside (203.0.113.92"))
        let names = try #require(
            found.filter { $0["kind"] as? String == "new-name" }
                .compactMap { $0["names"] as? [[String: Any]] }.max { $0.count < $1.count })
        #expect(names.count > 100)
        #expect(names.allSatisfy { ($0["name"] as? String)?.contains(".") == true })
        #expect(found.contains { $0["kind"] as? String == "new-volume" })
        // A tunnel or sweep is one finding, not thousands.
        #expect(found.count < 100, "\(found.count)")
        let text = try check("captures/mixed.pcap", format: "text")
        #expect(text.status == 3)
        #expect(
            text.output.contains(
                /contact +web \(10.60.1.12\) -> db \(10.60.3.5\) TCP 5432 +7 flows/))
    }

    @Test func sarifHasALocationALineAndAFingerprintForEachResult() throws {
        let run = try check(
            "captures/mixed.pcap", ["--location", "deploy/my compose.yaml"], format: "sarif")
        #expect(run.status == 3)
        let log = try #require(try run.json.first)
        #expect(log["version"] as? String == "2.1.0")
        let first = try #require((log["runs"] as? [[String: Any]])?.first)
        let tool = try #require(first["tool"] as? [String: [String: Any]])
        let rules = try #require(tool["driver"]?["rules"] as? [[String: Any]])
        let results = try #require(first["results"] as? [[String: Any]])
        let found = try findings(try check("captures/mixed.pcap"))
        #expect(results.count == found.count)
        var lines: Set<Int> = []
        var marks: Set<String> = []
        for result in results {
            let index = try #require(result["ruleIndex"] as? Int)
            try #require(rules.indices.contains(index))
            #expect(rules[index]["id"] as? String == result["ruleId"] as? String)
            let place = try #require(
                (result["locations"] as? [[String: Any]])?.first?["physicalLocation"]
                    as? [String: [String: Any]])
            #expect(place["artifactLocation"]?["uri"] as? String == "deploy/my%20compose.yaml")
            lines.insert(try #require(place["region"]?["startLine"] as? Int))
            let prints = try #require(result["partialFingerprints"] as? [String: String])
            marks.insert(try #require(prints["primaryLocationLineHash"]))
        }
        #expect(lines.count == results.count && marks.count == results.count)
    }

    // MARK: - Captures that cannot be compared

    /// A check that has not seen all says neither that there is something new nor that there is
    /// not.
    @Test func aCaptureThatIsCutPassesNoCheckAndTheOldReportStays() throws {
        let quiet = ["--without", "new-name", "--without", "new-volume"]
        let clean = try Data(contentsOf: Run.root.appending(path: "captures/clean-test.pcap"))
        let cut = try scratch.write("cut.pcap", clean.prefix(clean.count / 2))
        let report = try scratch.write("report.xml", Data("old".utf8))
        let run = try check(cut, quiet + ["-o", report], format: "junit")
        #expect(run.status == 1 && run.errors.count { $0 == "\n" } == 1, "\(run.errors)")
        #expect(run.errors.contains("is cut off inside a record"), "\(run.errors)")
        #expect(run.errors.contains("not all was compared"), "\(run.errors)")
        #expect(try String(contentsOfFile: report, encoding: .utf8) == "old")
        // What was found in the part counts.
        let mixed = try Data(contentsOf: Run.root.appending(path: "captures/mixed.pcap"))
        let part = try scratch.write("part.pcap", mixed.prefix(mixed.count * 9 / 10))
        let found = try check(part, quiet + ["-o", report], format: "junit")
        #expect(found.status == 3 && found.errors.contains("is cut off"), "\(found.errors)")
        #expect(try junit(String(contentsOfFile: report, encoding: .utf8)).count == 5)
    }

    @Test func aCaptureOfAnotherNetworkPassesNoCheck() throws {
        let other = PolicyAttackTests.exchange("198.51.100.7", "203.0.113.9", 443, at: 1)
        let capture = try scratch.write("other.pcap", Data(CaptureFile.pcap(other)))
        let run = try check(capture)
        #expect(run.status == 1 && run.output.isEmpty, "\(run.output)")
        #expect(run.errors.contains("nothing was checked"), "\(run.errors)")
        // Private addresses that the inventory lacks are hosts without a baseline.
        let unknown = PolicyAttackTests.exchange("10.60.1.201", "10.60.3.201", 443, at: 1)
        let second = try scratch.write("unknown.pcap", Data(CaptureFile.pcap(unknown)))
        #expect(try check(second).status == 3)
    }

    /// A capture that is still being written: repeated until the writer was between the readings.
    @Test func aCaptureThatGrowsBetweenItsReadingsIsRefused() throws {
        let given = try scratch.write("inventory.yaml", Self.inventory(["a", "b"]))
        let trained = try PolicyAttackTests.train(
            [("10.9.0.10", "10.9.0.11", 53)], inventory: given, in: scratch)
        let records = (0..<20_000).flatMap { number in
            PolicyAttackTests.exchange("10.9.0.10", "10.9.0.11", 53, at: 200 + number / 100)
        }
        let capture = try scratch.write("grows.pcap", Data(CaptureFile.pcap(records)))
        let one = PolicyAttackTests.exchange("10.9.0.10", "10.9.0.11", 53, at: 400)
        let more = Data(CaptureFile.pcap(one).dropFirst(CaptureFile.pcap([]).count))
        let isRefused = try eventually {
            let program = try Background(["check", "-m", trained, "-r", capture])
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: capture))
            defer { try? file.close() }
            while program.isRunning {
                try file.seekToEnd()
                try file.write(contentsOf: more)
                Thread.sleep(forTimeInterval: 0.001)
            }
            return program.status == 1 && program.errors.contains("changed while it was read")
        }
        #expect(isRefused)
    }

    /// Contacts that fill the list do not hide others behind `--without`.
    @Test func aFloodOfContactsThatAreLeftOutHidesNoOther() throws {
        let given = try scratch.write("inventory.yaml", Self.inventory(["a", "b"]))
        let trained = try PolicyAttackTests.train(
            [("10.9.0.10", "10.9.0.11", 53)], inventory: given, in: scratch)
        let flood = (0..<66_000).flatMap { number in
            PolicyAttackTests.exchange(
                "10.9.0.\(200 + number / 30_000)", "10.9.0.11", UInt16(1 + number % 30_000),
                at: 200 + number / 3000, isAnswered: false)
        }
        let last = PolicyAttackTests.exchange("10.9.0.10", "10.9.0.11", 22, at: 300)
        let capture = try scratch.write("flood.pcap", Data(CaptureFile.pcap(flood + last)))
        let run = try check(
            capture, ["--without", "new-contact", "--without", "new-volume"], model: trained)
        #expect(run.status == 1 && run.output.isEmpty, "\(run.output.prefix(300))")
        #expect(run.errors.contains("are not listed; not all was compared"), "\(run.errors)")
    }

    // MARK: - Evasion

    static func inventory(_ names: [String]) -> Data {
        let workloads = names.enumerated().map { index, name in
            "  - {name: \"\(name)\", addresses: [10.9.0.\(index + 10)]}\n"
        }
        return Data(
            ("networks:\n  - {name: n, prefix: 10.9.0.0/24, gateway: 10.9.0.1}\nworkloads:\n"
                + workloads.joined()).utf8)
    }

    /// Replicas come with other addresses in each run: names count. A contact is new in the other
    /// direction, of a workload without a baseline, of the node, and of a host without a name.
    @Test func contactsAreComparedByNameAndDirectionOfAllHosts() throws {
        let given = try scratch.write("inventory.yaml", Self.inventory(["a", "b", "miner"]))
        let trained = try PolicyAttackTests.train(
            [("10.9.0.10", "10.9.0.11", 53)], inventory: given, in: scratch)
        func check(_ from: String, _ to: String, _ inventory: String) throws -> Run {
            let capture = try scratch.write(
                "check.pcap",
                Data(CaptureFile.pcap(PolicyAttackTests.exchange(from, to, 53, at: 200))))
            return try self.check(capture, ["--inventory", inventory], model: trained)
        }
        let moved = try scratch.write("moved.yaml", Self.inventory(["b", "miner", "a"]))
        #expect(try check("10.9.0.10", "10.9.0.11", given).status == 0)
        #expect(try check("10.9.0.12", "10.9.0.10", moved).status == 0)
        for (from, to) in [
            ("10.9.0.11", "10.9.0.10"), ("10.9.0.12", "10.9.0.11"), ("10.9.0.12", "192.0.2.1"),
            ("10.9.0.1", "10.9.0.11"), ("10.9.0.77", "10.9.0.11"), ("192.0.2.1", "10.9.0.11"),
        ] {
            let run = try check(from, to, given)
            #expect(run.status == 3, "\(from) \(to): \(run.errors)")
            #expect(try findings(run).first?["kind"] as? String == "new-contact")
        }
    }

    /// Names of workloads and queries end no element, attribute or string of a report.
    @Test func hostileNamesStayText() throws {
        let names = [
            #"a]]></failure><x y='"#, #"b\" &amp; <!--\u0001\u001b[31m\n\u2028"#,
            #"c \uFFFE {0} [x](http://evil.example)"#,
        ]
        let given = try scratch.write("inventory.yaml", Self.inventory(names))
        let trained = try PolicyAttackTests.train(
            [("10.9.0.10", "10.9.0.11", 4000)], inventory: given, in: scratch)
        let label = Array("</failure>&\"'\n\u{1B}.".utf8)
        let question =
            [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, UInt8(label.count)] + label
            + [4] + Array("eViL".utf8) + [0, 0, 1, 0, 1]
        let start = Timestamp(second: 1_700_000_200)
        func record(_ from: String, _ to: String) -> CaptureFile.Record {
            .init(
                start,
                Frame.ethernet(0x0800, Frame.ipv4(from, to, 17, Frame.udp(40_000, 53, question))))
        }
        let records = [record("10.9.0.11", "10.9.0.12"), record("10.9.0.12", "10.9.0.11")]
        let capture = try scratch.write("check.pcap", Data(CaptureFile.pcap(records)))
        let run = try check(capture, model: trained)
        #expect(run.status == 3, "\(run.errors)")
        let name = try #require(
            try findings(run).compactMap { $0["names"] as? [[String: Any]] }.first?.first?["name"]
                as? String)
        #expect(name == #"\060\047failure\062\038\034\039\010\027\046.evil"#)
        let cases = try junit(try check(capture, model: trained, format: "junit").output)
        #expect(cases.count == 5)
        #expect(cases.count { ($0["text"] as? String)?.contains("b\" &amp; <!--") == true } == 2)
        let sarif = try #require(try check(capture, model: trained, format: "sarif").json.first)
        #expect(Set(sarif.keys) == ["$schema", "version", "runs"])
        let results = (sarif["runs"] as? [[String: Any]])?.first?["results"] as? [[String: Any]]
        let messages = (results ?? []).compactMap {
            ($0["message"] as? [String: Any])?["text"] as? String
        }
        #expect(messages.contains { $0.contains("{{0}} [x] (http://evil.example)") }, "\(messages)")
        let text = try check(capture, model: trained, format: "text").output
        #expect(!text.unicodeScalars.contains { $0.value < 32 && $0 != "\n" })
        // What was read is accepted again, whatever it contains.
        let report = try scratch.write("report.json", Data(run.output.utf8))
        let next = scratch.path("next.model")
        let approved = try Run("model", "approve", trained, report, "-o", next)
        #expect(approved.status == 0, "\(approved.errors)")
        #expect(try check(capture, model: next).status == 0)
    }
}
