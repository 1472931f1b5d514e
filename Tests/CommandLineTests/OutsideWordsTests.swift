import Foundation
import TestKit
import Testing

/// Invalid input is reported in one line and never crashes the program.
struct OutsideWordsTests {
    private let scratch = try! Scratch()

    @Test(arguments: [
        "9999-12-31T00:00:00Z", "2262-04-11T23:47:17Z", "0001-01-01T00:00:00Z",
        "-9999-01-01T00:00:00Z", "99999999999999999999-01-01T00:00:00Z", "soon",
    ])
    func everyDateIsAcceptedOrRefused(date: String) throws {
        let file = try scratch.write(
            "lazaret.yaml",
            Data("allow: [{prefix: 10.0.0.1, reason: r, until: '\(date)'}]\n".utf8))
        let check = try Run("config", "check", "-i", "lo", "-c", file)
        #expect(check.status == 0 || check.status == 2 && check.errors.contains("'until'"))
        guard check.status == 0 else { return }
        let dump = try Run("config", "dump", "-c", file)
        let again = try scratch.write("again.yaml", Data(dump.output.utf8))
        #expect(try Run("config", "dump", "-c", again).output == dump.output, "\(dump.errors)")
    }

    private func alert(_ start: String, _ end: String) throws -> String {
        let line =
            #"{"timestamp":"2026-01-01T00:00:00.000000+0000","event_type":"alert","#
                + #"""
                "alert":{"action":"allowed","signature":"s","category":"c","severity":1},"lazaret":
                """#
            + #"{"event_id":"e1","workload":"web","offender":"10.0.0.1","window_start":\#(start),"#
            + #""window_end":\#(end),"scale_s":10,"score":0.8,"reasons":[]}}"#
        let flow =
            #"""
            {"timestamp":"x","event_type":"flow","src_ip":"10.0.0.1","dest_ip":"10.0.0.2",\#
            "proto":"TCP",
            """#
            + #""flow":{"pkts_toserver":1,"pkts_toclient":1,"bytes_toserver":1,"bytes_toclient":1,"#
            + #""start":"9999-12-31T23:59:59.9+0000","end":"9999-12-31T23:59:59.9+0000"}}"#
        return try scratch.write("eve.json", Data("\(line)\n\(flow)\n".utf8))
    }

    @Test(arguments: [
        ("99999999999", "99999999999"), ("-9223372036854775808", "-9223372036854775808"),
        ("0", "9223372036854775807"),
    ])
    func anAlertWithATimeOutOfRangeIsRefusedInOneLine(start: String, end: String) throws {
        let run = try Run("explain", "e1", "--events", try alert(start, end))
        #expect(run.status == 1 && run.errors.contains("'lazaret.window_end'"), "\(run.errors)")
        #expect(run.errors.count { $0 == "\n" } == 1)
    }

    @Test func aFileWithoutEventsIsRefusedWithAHint() throws {
        for (text, why) in [
            ("{\"event_id\":\"e1\"}\n", "event e1 cannot be read: 'event_type' is missing"),
            ("interfaces: [eth0]\n", "--format eve"), ("", "--format eve"),
        ] {
            let file = try scratch.write("other", Data(text.utf8))
            let run = try Run("explain", "e1", "--events", file)
            #expect(run.status == 1 && run.errors.contains(why), "\(run.errors)")
        }
        let run = try Run("explain", "e2", "--events", try alert("1", "2"))
        #expect(run.status == 1 && run.errors.contains("no alert with event_id e2"))
    }

    @Test(arguments: [
        (["flows", "-r", "captures/mixed.pcap", "--idle-timeout", "-1"], "a timeout is 0.001"),
        (["flows", "-r", "captures/mixed.pcap", "--max-flows", "-1"], "1 to 268435456"),
        (["flows", "-i", "lo", "-s", "-1"], "a snap length is"),
        (["quarantine", "add", "10.0.0.1", "--for", "-5m"], "'-5m' is not a duration"),
        (["events", "-n", "-1"], "-n must be"), (["audit", "list", "-n", "-1"], "above 0"),
        (["top", "--every", "-1"], "--every must be"),
    ])
    func aNegativeNumberIsReportedAsSuch(words: [String], why: String) throws {
        let run = try Run(words)
        #expect(run.status == 2 && run.errors.contains(why), "\(run.errors)")
    }
}

/// Names that control a terminal, from an inventory or any other source.
struct TerminalTests {
    @Test(arguments: [
        ["--format", "json"], ["--format", "eve"], ["--format", "table"],
    ]) func noNameControlsTheTerminal(words: [String]) throws {
        let scratch = try Scratch()
        let inventory = try scratch.write(
            "inventory.yaml",
            Data(
                #"workloads: [{name: "w\e[31m\x9b2J\u202ex", addresses: [10.60.4.13]}]"#.utf8))
        let model = try scratch.model()
        for more in [["-m", model], []] {
            let run = try Run(
                ["replay", "-r", "captures/mixed.pcap", "--inventory", inventory] + words + more)
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.output.contains("10.60.4.13"))
            for text in [run.output, run.errors] {
                #expect(
                    !text.unicodeScalars.contains {
                        "\u{1B}\u{9B}\u{202E}".unicodeScalars.contains($0)
                    })
            }
        }
        // A file's name in an error.
        let missing = try Run("replay", "-r", "/no\u{1B}[31m\u{9B}where", "-m", model)
        #expect(missing.status == 1 && missing.errors.contains("/no?[31m?where"))
    }
}

/// Standard streams that are not writable or are closed.
struct LostStreamTests {
    private func shell(_ script: String) throws -> (status: Int32, text: String) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script, Run.binary.path]
        process.currentDirectoryURL = Run.root
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    @Test(arguments: ["2>/dev/full", "2>&-", "2>&- >&- <&-"])
    func anErrorWithoutStandardErrorKeepsItsExitCode(streams: String) throws {
        #expect(try shell("\"$0\" nonsense \(streams)").status == 2)
        #expect(try shell("\"$0\" flows -r /nothing \(streams)").status == 1)
        #expect(try shell("\"$0\" train -r captures/mixed.pcap \(streams)").status == 2)
        #expect(try shell("\"$0\" config check -c /nothing \(streams)").status != 0)
    }

    @Test(arguments: [
        "config dump -c config/lazaret.yaml", "model features",
    ])
    func anUnwritableResultIsAnError(words: String) throws {
        let full = try shell("\"$0\" \(words) >/dev/full")
        #expect(full.status == 1, "\(full.text)")
        #expect(full.text.contains("No space left on device") || full.text.contains("disk is full"))
        #expect(try shell("\"$0\" \(words) >/dev/full 2>/dev/full").status == 1)
        #expect(try shell("\"$0\" \(words) >&-").status == 1)
    }
}
