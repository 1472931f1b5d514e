import Foundation
import TestKit
import Testing

@Suite(.serialized)
struct SampleCaptureTests {
    @Test func everyLabelledAttackIsFoundWithoutFalseAlarms() throws {
        let scratch = try Scratch()
        let run = try Run(
            "evaluate", "-r", "captures/mixed.pcap", "-m", try scratch.model(), "--truth",
            "captures/mixed.labels.jsonl", "--inventory", "captures/inventory.yaml", "--format",
            "json")
        #expect(run.status == 0, "\(run.errors)")
        let result = try #require(try run.json.first)
        #expect(result["detected_count"] as? Int == result["attack_count"] as? Int)
        #expect((result["attack_count"] as? Int ?? 0) >= 14)
        for list in [
            "victims_flagged", "victims_quarantined", "clean_workloads_flagged",
            "clean_workloads_quarantined",
        ] {
            #expect(
                (result[list] as? [Any])?.isEmpty == true,
                "\(list): \(String(describing: result[list]))")
        }
        #expect(result["false_incidents"] as? Int == 0)
    }

    @Test func deploysPeaksAndBackupsRaiseNoIncidents() throws {
        let scratch = try Scratch()
        let run = try Run(
            "evaluate", "-r", "captures/clean-test.pcap", "-m", try scratch.model(), "--inventory",
            "captures/inventory.yaml", "--format", "json")
        let result = try #require(try run.json.first)
        #expect(result["incidents"] as? Int == 0, "\(run.output)")
    }

    @Test func theSameInputYieldsTheSameBytes() throws {
        let (first, second) = (try Scratch(), try Scratch())
        let models = (try first.model(), try second.model())
        #expect(FileManager.default.contentsEqual(atPath: models.0, andPath: models.1))
        func alerts(_ model: String) throws -> String {
            try Run("replay", "-r", "captures/mixed.pcap", "-m", model, "--format", "eve").output
        }
        let events = try alerts(models.0)
        #expect(try alerts(models.1) == events)
        #expect(events.contains(#""event_type":"alert""#))
    }

    @Test func alertsFollowTheFormatOfSuricata() throws {
        let scratch = try Scratch()
        let run = try Run(
            "replay", "-r", "captures/mixed.pcap", "-m", try scratch.model(), "--inventory",
            "captures/inventory.yaml", "--format", "eve", "--exit-code")
        #expect(run.status == 3)
        let alerts = try run.json.filter { $0["event_type"] as? String == "alert" }
        #expect(alerts.count > 20)
        for alert in alerts {
            #expect((alert["timestamp"] as? String)?.count == 31)
            let rule = try #require(alert["alert"] as? [String: Any])
            #expect((1...3).contains(rule["severity"] as? Int ?? 0))
            let details = try #require(alert["lazaret"] as? [String: Any])
            #expect(["none", "watch", "quarantine"].contains(details["decision"] as? String ?? ""))
            let reasons = try #require(details["reasons"] as? [[String: Any]])
            #expect(!reasons.isEmpty)
        }
    }

    @Test(.needsKernel) func nftAcceptsThePlan() throws {
        let scratch = try Scratch()
        let run = try Run(
            "replay", "-r", "captures/mixed.pcap", "-m", try scratch.model(), "--inventory",
            "captures/inventory.yaml", "--plan", scratch.path("plan.nft"))
        #expect(run.status == 0 && run.output.contains("port scan (T1046)"))
        let plan = try String(contentsOfFile: scratch.path("plan.nft"), encoding: .utf8)
        #expect(plan.contains("table inet lazaret") && plan.contains("203.0.113.66"))
        try Namespace().run("nft", "-c", "-f", scratch.path("plan.nft"))
    }

    @Test func withoutAModelAttackersRankBeforeVictimsAndOthers() throws {
        let run = try Run("replay", "-r", "captures/mixed.pcap", "--format", "json")
        let labels = try String(
            contentsOf: Run.root.appendingPathComponent("captures/mixed.labels.jsonl"),
            encoding: .utf8)
        for entry in try run.json.prefix(15) {
            let offender = try #require(entry["offender"] as? String)
            let isAttacker = labels.split(separator: "\n").contains {
                $0.contains(/"src": \[[^\]]*/)
                    && $0.prefix { $0 != "]" }.contains("\"\(offender)\"")
            }
            #expect(isAttacker, "\(entry)")
        }
    }

    @Test func attacksInTrainingDataAreReportedAndLeftOutOnRequest() throws {
        let scratch = try Scratch()
        let inventory = ["--inventory", "captures/inventory.yaml"]
        func train(_ capture: String, _ more: String...) throws -> Run {
            try Run(
                ["train", "-r", capture, "-o", scratch.path("m")] + inventory + more)
        }
        func found() throws -> Int {
            let run = try Run(
                "evaluate", "-r", "captures/mixed.pcap", "-m", scratch.path("m"), "--truth",
                "captures/mixed.labels.jsonl", "--format", "json")
            return try #require(try run.json.first?["detected_count"] as? Int)
        }
        #expect(try !train("captures/clean-train.pcap").errors.contains("does not look clean"))
        let told = try train("captures/mixed.pcap")
        #expect(told.status == 0)
        #expect(
            told.errors.contains("does not look clean: worker (10.60.4.13), port scan"),
            "\(told.errors)")
        // An attack that was learned as clean raises no alert.
        #expect(try found() < 5)
        let cleaned = try train("captures/mixed.pcap", "--exclude-suspects")
        #expect(cleaned.errors.contains("left out: worker (10.60.4.13), port scan"))
        #expect(try found() >= 15)
        let nothing = try train("captures/mixed.pcap", "--exclude-suspects", "host 203.0.113.66")
        #expect(nothing.status == 1)
        #expect(
            nothing.errors.contains("all traffic was left out")
                && nothing.errors.contains("203.0.113.66, port scan"), "\(nothing.errors)")
    }

    @Test func withoutAModelTheScannerRanksFirst() throws {
        let run = try Run(
            "replay", "-r", "captures/mixed.pcap", "--format", "json",
            "host 203.0.113.66 or net 198.51.100.0/24")
        #expect(run.status == 0)
        #expect(try run.json.first?["pattern"] as? String == "port_scan")
    }
}

struct BadInputTests {
    private func expectOneLine(_ run: Run, status: Int32, _ words: String) {
        #expect(run.status == status, "\(run.errors)")
        #expect(run.errors.hasPrefix("lazaret: ") && run.errors.contains(words), "\(run.errors)")
        #expect(run.errors.count { $0 == "\n" } == 1, "\(run.errors)")
        #expect(run.output.isEmpty)
    }

    @Test(arguments: ["flows", "train", "replay"])
    func anInvalidCaptureIsRefusedInOneLine(command: String) throws {
        let scratch = try Scratch()
        func run(_ path: String) throws -> Run {
            command == "train"
                ? try Run("train", "-r", path, "-o", scratch.path("m"))
                : try Run(command, "-r", path)
        }
        expectOneLine(try run(try scratch.write("empty", Data())), status: 1, "empty")
        expectOneLine(
            try run(try scratch.write("text", Data("hello, world\n".utf8))), status: 1, "text")
        expectOneLine(try run(scratch.url.path), status: 1, "directory")
        expectOneLine(try run(scratch.path("missing")), status: 1, "No such file")
        var header = Data([0xD4, 0xC3, 0xB2, 0xA1, 2, 0, 4, 0])
        header.append(Data(repeating: 0, count: 8))
        header.append(contentsOf: [0xFF, 0xFF, 0, 0, 147, 0, 0, 0])
        header.append(Data([0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4]))
        expectOneLine(try run(try scratch.write("usertype", header)), status: 1, "link type")
        #expect(!FileManager.default.fileExists(atPath: scratch.path("m")))
    }

    @Test func impossibleTimesAreHarmless() throws {
        let scratch = try Scratch()
        func number(_ value: UInt32) -> Data {
            withUnsafeBytes(of: value.littleEndian) { Data($0) }
        }
        var file = number(0x0A0D_0D0A) + number(28) + number(0x1A2B_3C4D) + number(1)
        file += number(.max) + number(.max) + number(28)
        file += number(1) + number(20) + number(1) + number(0) + number(20)
        var frame =
            Data([UInt8](repeating: 2, count: 12))
            + Data([8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6])
        frame += Data([0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x9C, 0x40, 0, 80])
        frame += Data([UInt8](repeating: 0, count: 8)) + Data([0x50, 2, 0, 0, 0, 0, 0, 0])
        // Centuries before 1970 (the product wraps), just after it, in the far future, and
        // backwards.
        let stamps: [(high: UInt32, low: UInt32)] = [
            (0x0030_0000, 0), (0, 5), (0x0005_0000, 1), (.max, .max), (0, 7),
        ]
        for (high, low) in stamps {
            file +=
                number(6) + number(32 + 56) + number(0) + number(high) + number(low)
            file += number(54) + number(54) + frame + Data([0, 0]) + number(32 + 56)
        }
        let path = try scratch.write("times.pcapng", file)
        let run = try Run("replay", "-r", path)
        #expect(run.status == 0 && run.output.contains("10.0.0.1"), "\(run.errors)")
        #expect(try Run("train", "-r", path, "-o", scratch.path("m")).status == 0)
    }

    @Test func completePacketsOfATruncatedCaptureAreUsedWithAWarning() throws {
        let scratch = try Scratch()
        let capture = try Data(contentsOf: Run.root.appendingPathComponent("captures/mixed.pcap"))
        let cut = try scratch.write("cut.pcap", capture.prefix(500_007))
        let run = try Run("replay", "-r", cut)
        #expect(run.status == 0 && run.errors.contains("cut.pcap"), "\(run.errors)")
        #expect(run.errors.count { $0 == "\n" } == 1)
        #expect(!run.output.isEmpty)
    }

    @Test func anInvalidModelIsRefusedInOneLine() throws {
        let scratch = try Scratch()
        let other = try scratch.write("other", Data("not a model".utf8))
        expectOneLine(
            try Run("replay", "-r", "captures/mixed.pcap", "-m", other), status: 1,
            "is not a Lazaret model")
        expectOneLine(try Run("model", "show", scratch.path("none")), status: 1, "No such file")
        expectOneLine(try Run("model", "verify", "/"), status: 1, "directory")
    }

    @Test func badUsageExitsWithTwo() throws {
        expectOneLine(try Run("replay"), status: 2, "name a capture with -r FILE")
        expectOneLine(
            try Run("train", "-r", "x", "-o", "y", "--false-alarms", "often"), status: 2,
            "false-alarms")
        expectOneLine(
            try Run("replay", "-r", "x", "--plan", "p"), status: 2, "--plan needs a model")
        expectOneLine(try Run("frobnicate"), status: 2, "frobnicate")
        expectOneLine(
            try Run("flows", "-r", "x", "--format", "picture"), status: 2,
            "see 'lazaret flows --help'")
        expectOneLine(
            try Run("quarantine", "add"), status: 2, "; see 'lazaret quarantine add --help'")
        #expect(try Run("--help").status == 0)
        #expect(try Run("--version").output.hasPrefix("0."))
    }

    @Test func anInvalidFilterIsNamed() throws {
        let run = try Run("replay", "-r", "captures/mixed.pcap", "port", "banana")
        #expect(
            run.status != 0 && run.errors.contains("banana") && run.errors.count { $0 == "\n" } == 1
        )
    }

    @Test func invalidLabelsAndInventoriesAreReportedWithTheirLine() throws {
        let scratch = try Scratch()
        let labels = try scratch.write("labels", Data("{\"start\": 1}\n".utf8))
        let model = try scratch.model()
        let run = try Run("evaluate", "-r", "captures/mixed.pcap", "-m", model, "--truth", labels)
        expectOneLine(run, status: 1, "line 1")
        let inventory = try scratch.write("inventory", Data("workloads: 3\n".utf8))
        expectOneLine(
            try Run("replay", "-r", "captures/mixed.pcap", "-m", model, "--inventory", inventory),
            status: 1, "'workloads' must be a list")
    }

    @Test func aFullDiskIsReportedAndLeavesNoPartialModel() throws {
        let run = try Run(
            "replay", "-r", "captures/mixed.pcap", "--format", "json", "-o", "/dev/full")
        #expect(run.status == 1 && run.errors.contains("No space left"), "\(run.errors)")
    }
}

struct ConfigurationTests {
    @Test func theDefaultFileMatchesTheBuiltInDefaults() throws {
        let file = try Run("config", "dump", "-c", "config/lazaret.yaml")
        #expect(file.status == 0, "\(file.errors)")
        let scratch = try Scratch()
        let empty = try scratch.write("empty.yaml", Data("{}\n".utf8))
        #expect(try Run("config", "dump", "-c", empty).output == file.output)
        // Every key is in the file: a key that is dumped but missing there is found here.
        let text = try String(
            contentsOf: Run.root.appendingPathComponent("config/lazaret.yaml"), encoding: .utf8)
        for line in file.output.split(separator: "\n") {
            let key = line.prefix { $0 != ":" }
            #expect(text.contains("\n\(key):"), "\(key)")
        }
    }

    @Test func aDumpedConfigurationIsReadUnchanged() throws {
        let scratch = try Scratch()
        let text = """
            interfaces: [br0, 'it''s']
            filter: not port 22
            capture: {snap_length: 300, buffer_kib: 1024, promiscuous: false}
            model: /a b/c
            inventory: i.yaml
            retrain: 1d12h
            enforce: true
            quarantine:
              far_beyond: never
              durations: [90s, 2h]
              most_of_workloads: 12.5%
              responses: [observe, limit, drop]
              subnets: {fenced: false, within: 3m}
            protected: [{prefix: 10.0.0.0/8, reason: "a: b"}]
            allow: [{prefix: fd00::1, reason: scanner, until: 2030-01-02T03:04:05Z}]
            kept: [{name: DNS, address: 10.0.0.53, port: udp/53}, {name: forensic, address: \
            10.0.0.9}]

            """
        let once = try Run("config", "dump", "-c", try scratch.write("a", Data(text.utf8)))
        #expect(once.status == 0, "\(once.errors)")
        let twice = try Run("config", "dump", "-c", try scratch.write("b", Data(once.output.utf8)))
        #expect(twice.output == once.output)
        for part in [
            "durations: [1m30s, 2h]", "far_beyond: never", "most_of_workloads: 0.125",
            "until: 2030-01-02T03:04:05Z", "port: udp/53", "retrain: 1d12h", "'it''s'",
        ] {
            #expect(once.output.contains(part), "\(part)")
        }
    }

    @Test(arguments: [
        ("interfaces: eth0", "'interfaces' must be a list"), ("filter: [a]", "expected text"),
        ("enfroce: true", "unknown key 'enfroce'"),
        ("\nquarantine: {durations: [10]}", "line 2: 'durations' is '10'"),
        ("quarantine: {far_beyond: 2}", "expected a share"), ("enforce: maybe", "true or false"),
        ("allow: [{prefix: 10.0.0.1}]", "'reason' is missing"), (": [", "not YAML"), ("", "empty"),
        ("kept: [{name: DNS, address: 10.0.0.1, port: 53}]", "udp/53"),
        ("capture: {snap_length: 10}", "from 64 to 262144"),
    ])
    func anInvalidValueIsReportedWithItsLine(text: String, words: String) throws {
        let scratch = try Scratch()
        let file = try scratch.write("bad.yaml", Data(text.utf8))
        let run = try Run("config", "check", "-i", "lo", "-c", file)
        #expect(run.status == 2 && run.errors.contains(words), "\(run.errors)")
        #expect(run.errors.count { $0 == "\n" } == 1 && run.output.isEmpty)
    }
}
