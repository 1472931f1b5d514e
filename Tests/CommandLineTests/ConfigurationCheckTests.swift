import Foundation
import TestKit
import Testing

/// Errors that prevent a monitor from starting are reported by `config check`, `doctor`, the start
/// and SIGHUP.
struct ConfigurationCheckTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// A valid configuration, followed by `more`.
    private func file(_ more: String, name: String = "lazaret.yaml") throws -> String {
        let text = """
            interfaces: [lo]
            state: \(scratch.path("state"))
            control: {socket: never}
            \(more)

            """
        return try scratch.write(name, Data(text.utf8))
    }

    @Test(arguments: [
        ("filter: foo bar", "filter", "see 'man pcap-filter'"),
        ("user: nosuchuser7", "user", "useradd"),
        ("user: root", "user", "name another user"),
        ("events: /nonexist/y", "events", "folder /nonexist does not exist; create it"),
        ("events: /tmp", "events", "name a file"),
        ("record: {file: /nonexist/p}", "record.file", "folder /nonexist does not exist"),
        ("model: /nonexist/m", "model", "/nonexist/m: No such file or directory; 'lazaret train'"),
        ("inventory: /nonexist/i", "inventory", "/nonexist/i: No such file or directory"),
        (
            "webhook: {url: 'https://h/', secret_file: /nonexist/s}", "webhook.secret_file",
            "/nonexist/s: "
        ),
        ("workloads: {kubernetes: /nonexist/k}", "workloads.kubernetes", "/nonexist/k"),
        (
            "quarantine: {further_responses: [{name: a, action: pause}, {name: a, action: stop}]}",
            "quarantine.further_responses", "two entries have the name 'a'"
        ),
        (
            """
            quarantine: {further_responses: [{name: a, action: request, apply: {method: POST, \
            url: 'https://h/{{adress}}'}, undo: {method: POST, url: 'https://h/'}}]}
            """, "quarantine.further_responses", "no variable 'adress'"
        ),
        (
            """
            quarantine: {further_responses: [{name: a, action: request, headers_file: /nonexist/h, \
            apply: {method: POST, url: 'https://h/'}, undo: {method: POST, url: 'https://h/'}}]}
            """, "quarantine.further_responses", "/nonexist/h: cannot be read"
        ),
        (
            "quarantine: {further_responses: [{name: a, action: exec, program: /nonexist/p}]}",
            "quarantine.further_responses", "/nonexist/p: no such program"
        ),
        (
            """
            quarantine: {further_responses: [{name: a, action: crowdsec, url: 'https://h', \
            machine: m, password_file: /nonexist/w}]}
            """, "quarantine.further_responses", "/nonexist/w: cannot be read"
        ),
        (
            "quarantine: {decisions_from: [{name: a, url: 'https://h', key_file: /nonexist/k}]}",
            "quarantine.decisions_from", "/nonexist/k: cannot be read"
        ),
    ])
    func aConfigurationThatPreventsTheStartIsRefusedWithFileAndKey(
        line: String, key: String, words: String
    ) throws {
        try refuses(file(line), key, words)
    }

    /// The examples of requests in the documentation, as they are there.
    @Test func theExamplesOfTheDocumentationAreAccepted() throws {
        let text = try String(contentsOfFile: "docs/respond.md", encoding: .utf8)
        let headers = try scratch.write("headers", Data("X-Key: secret\n".utf8), mode: 0o600)
        let entries = text.components(separatedBy: "\n\n").filter {
            $0.hasPrefix("    - name: ") && $0.contains("\n      action: request\n")
        }
        #expect(entries.count == 3)
        let list = entries.joined(separator: "\n").replacing(
            /\/etc\/lazaret\/[a-z]+\.headers/, with: headers)
        let file = try file("quarantine:\n  further_responses:\n\(list)")
        let check = try Run("config", "check", "-c", file)
        #expect(check.status == 0, "\(check.errors)")
        let shown = try Run("config", "dump", "-c", file)
        #expect(shown.status == 0 && shown.output.contains("/v2/firewalls/FIREWALL/rules"))
    }

    @Test func interfacesAndControlAreCheckedToo() throws {
        for (name, from, to, key, words) in [
            ("twice", "[lo]", "[lo, lo]", "interfaces", "lo is named twice"),
            (
                "missing", "[lo]", "[lo, lznone]", "interfaces",
                "lznone does not exist; 'ip link' lists the interfaces of this machine"
            ),
            (
                "operators", "{socket: never}", "{operators: [root, nosuchuser7]}",
                "control.operators", "user 'nosuchuser7' does not exist"
            ),
            (
                "may_force", "{socket: never}", "{may_force: [nosuchuser8]}",
                "control.may_force", "user 'nosuchuser8' does not exist"
            ),
            (
                "token", "{socket: never}", "{socket: never, port: 9, token_file: /nonexist/t}",
                "control.token_file", "/nonexist/t: the token cannot be read; make one"
            ),
        ] {
            let text = try String(contentsOfFile: file(""), encoding: .utf8)
                .replacingOccurrences(of: from, with: to)
            try refuses(scratch.write(name, Data(text.utf8)), key, words)
        }
    }

    @Test func sourcesOfDecisionsAreCheckedToo() throws {
        let key = try scratch.write("key", Data("a key\n".utf8), mode: 0o600)
        for (entry, words) in [
            ("{name: a, url: 'http://192.0.2.1', key_file: \(key)}", "must be https"),
            ("{name: 'a:b', url: 'https://h', key_file: \(key)}", "no colon"),
            ("{name: a, url: 'https://h', key_file: \(key), origins: ['a&b']}", "must be words"),
            (
                "{name: a, url: 'https://h', key_file: \(key), origins: [cscli, lazaret]}",
                "is what Lazaret itself has pushed to CrowdSec"
            ),
            (
                "{name: a, url: 'https://h', key_file: \(key), ca_file: /nonexist/c}",
                "/nonexist/c: cannot be read"
            ),
        ] {
            try refuses(
                file("quarantine: {decisions_from: [\(entry)]}", name: "sources.yaml"),
                "quarantine.decisions_from", words)
        }
        try scratch.write("key", Data("a key\n".utf8), mode: 0o644)
        try refuses(
            file("quarantine: {decisions_from: [{name: a, url: 'https://h', key_file: \(key)}]}"),
            "quarantine.decisions_from", "chmod 600")
    }

    private func refuses(_ file: String, _ key: String, _ words: String) throws {
        let check = try Run("config", "check", "-c", file)
        #expect(check.status == 2 && check.output.isEmpty)
        let begin = check.errors.prefixMatch(of: /lazaret: [^:]+: (line [0-9]+: )?/)
        let rest = check.errors.dropFirst(begin.map { $0.0.count } ?? 0)
        #expect(
            check.errors.hasPrefix("lazaret: \(file): ") && rest.hasPrefix("'\(key)': "),
            "\(check.errors)")
        // What is not in the file has no line.
        let isInFile = try String(contentsOfFile: file, encoding: .utf8)
            .contains(String(key.prefix { $0 != "." }) + ":")
        #expect((begin?.1 != nil) == isInFile, "\(check.errors)")
        #expect(check.errors.contains(words), "\(check.errors)")
        #expect(check.errors.count { $0 == "\n" } == 1)
        let start = try Run("monitor", "-c", file)
        #expect(start.status == 2 && start.errors == check.errors, "\(start.errors)")
        let reason = rest.dropFirst("'\(key)': ".count).dropLast()
        let doctor = try Run("doctor", "-c", file)
        let isReported = doctor.output.split(separator: "\n").contains {
            $0.hasPrefix("error    \(key) ") && $0.hasSuffix(" \(reason)")
        }
        #expect(doctor.status == 1 && isReported, "\(doctor.output)")
    }

    @Test func allFaultsAreReportedAtOnceInTheFileItsValuesAndOnThisMachine() throws {
        let file = try scratch.write(
            "many.yaml",
            Data(
                """
                enfroce: true
                interfaces: [lo, lo, lznone, lzother]
                state: \(scratch.path("state"))
                capture: {snap_length: 10, buffer_kib: little}
                control:
                  port: http
                  token_file: /nonexistent/t
                model: /nonexistent/m
                allow:
                  - {prefix: 10.0.0.1}
                  - {prefix: everything, reason: r}

                """.utf8))
        let words = [
            "line 1: unknown key 'enfroce'", "line 2: 'interfaces': lo is named twice",
            "line 2: 'interfaces': lznone does not exist",
            "line 2: 'interfaces': lzother does not exist", "line 4: 'snap_length' is '10'",
            "line 4: 'buffer_kib' is 'little'", "line 6: 'port' is 'http'",
            "line 7: 'control.token_file': /nonexistent/t: the token cannot be read",
            "line 8: 'model': /nonexistent/m: No such file",
            "line 10: 'reason' is missing", "line 11: 'prefix' is 'everything'",
        ]
        let check = try Run("config", "check", "-c", file)
        let lines = check.errors.split(separator: "\n")
        #expect(check.status == 2 && lines.count == words.count, "\(check.errors)")
        let doctor = try Run("doctor", "-c", file)
        // In the order of their lines.
        for (line, word) in zip(lines, words) {
            #expect(line.hasPrefix("lazaret: \(file): \(word)"), "\(word): \(check.errors)")
            let text = word.split(separator: "': ", maxSplits: 1).last ?? ""
            let isOfText = word.contains("unknown") || word.contains("' is ")
            #expect(doctor.output.contains(isOfText ? word : String(text)), "\(doctor.output)")
        }
        let start = try Run("monitor", "-c", file)
        #expect(start.status == 2 && start.errors == check.errors, "\(start.errors)")
        #expect(!FileManager.default.fileExists(atPath: scratch.path("state")))
        // Another command needs only some of the values, but does not guess the others.
        let status = try Run("status", "-c", file)
        #expect(status.status == 2 && status.errors.contains(words[4]), "\(status.errors)")
        #expect(status.errors.count { $0 == "\n" } == 1)
    }

    @Test func aKeyThatIsThereTwiceIsNamedWithBothLines() throws {
        let file = try file("enforce: true\nlearn: 1h\nenforce: false\nlearn: 2h")
        let check = try Run("config", "check", "-c", file)
        let words =
            "line 6: the key 'enforce' is already in line 4; "
            + "line 7: the key 'learn' is already in line 5"
        #expect(check.status == 2 && check.errors == "lazaret: \(file): \(words)\n")
    }

    @Test func theShippedFileNeedsInterfacesAndCheckDoctorAndStartSayTheSame() throws {
        let shipped = Run.root.appendingPathComponent("config/lazaret.yaml").path
        let own = try String(contentsOfFile: shipped, encoding: .utf8)
            .replacingOccurrences(of: "/var/lib/lazaret", with: scratch.path("state"))
        let file = try scratch.write("shipped.yaml", Data(own.utf8))
        let words =
            "none is named; list the bridges and the uplink, such as "
            + "'interfaces: [containers, eth0]', or name each with -i"
        try refuses(file, "interfaces", words)
        // What the command line names is no fault of the file.
        let check = try Run("config", "check", "-c", file, "-i", "lo")
        #expect(check.status == 0 && check.output == "\(file): can be used\n", "\(check.errors)")
        let named = own.replacingOccurrences(of: "interfaces: []", with: "interfaces: [lo]")
        #expect(
            try Run("config", "check", "-c", scratch.write("n.yaml", Data(named.utf8))).status == 0)
    }

    @Test func containersWithoutAnyEngineAreRefusedByCheckDoctorAndStart() throws {
        let text = """
            interfaces: [containers]
            workloads: {docker: never, podman: never, kubernetes: never}
            state: \(scratch.path("state"))

            """
        let file = try scratch.write("blind.yaml", Data(text.utf8))
        try refuses(
            file, "interfaces",
            "'containers' stands for the bridges of Docker and Podman, and both are 'never'")
    }

    @Test func aFileThatDoesNotExistCannotBeUsed() throws {
        let check = try Run("config", "check", "-c", "/nonexistent/lazaret.yaml")
        #expect(check.status == 2 && check.output.isEmpty)
        #expect(check.errors.contains("/nonexistent/lazaret.yaml: there is no such file"))
        let standard = "/etc/lazaret/lazaret.yaml"
        guard !FileManager.default.fileExists(atPath: standard) else { return }
        let without = try Run("config", "check")
        #expect(without.status == 2 && without.output.isEmpty, "\(without.output)")
        #expect(without.errors.contains("\(standard): there is no such file"))
    }

    @Test func faultsOfTheCommandLineAreNotBlamedOnTheFile() throws {
        let good = try file("")
        #expect(try Run("config", "check", "-c", good).status == 0)
        let model = try Run("monitor", "-c", good, "-m", "/nonexist/m")
        #expect(model.status == 1, "\(model.errors)")
        #expect(model.errors.hasPrefix("lazaret: -m: /nonexist/m: No such file"), "\(model.errors)")
        for words in [["config", "check"], ["monitor"]] {
            let missing = try Run(words + ["-c", good, "-i", "lznone"])
            #expect(missing.status == 1, "\(missing.errors)")
            #expect(missing.errors.hasPrefix("lazaret: -i: lznone does not exist; 'ip link'"))
        }
        let filter = try Run("monitor", "-c", good, "foo", "bar")
        #expect(filter.status == 2 && filter.errors.contains("filter 'foo bar'"))
        #expect(filter.errors.count { $0 == "\n" } == 1, "\(filter.errors)")
    }

    @Test func theDoctorAcceptsANodeThatLearns() throws {
        let doctor = try Run("doctor", "-c", file("learn: 15m"))
        #expect(doctor.output.contains("none: the monitor will learn for 15m"), "\(doctor.output)")
        let isBad = doctor.output.split(separator: "\n").contains { $0.hasPrefix("error    model") }
        #expect(!isBad)
    }
}

/// The same for a running monitor.
@Suite(.needsKernel)
struct RunningConfigurationTests {
    private let space: Namespace
    private let scratch: Scratch
    /// A socket's path has at most 107 bytes.
    private let socket = "/tmp/lzr-\(UInt32.random(in: 0...UInt32.max)).sock"

    init() throws {
        space = try Namespace("check")
        scratch = try Scratch()
    }

    private func write(_ more: String) throws -> String {
        let text = """
            interfaces: [lo]
            state: \(scratch.path("state"))
            events: \(scratch.path("eve.json"))
            control: {socket: \(socket)}
            \(more)

            """
        return try scratch.write("lazaret.yaml", Data(text.utf8))
    }

    private func monitor() throws -> Background {
        let program = try Background(in: space, ["monitor", "-c", try write("")])
        let isReady = try eventually {
            try !program.isRunning || Run("status", "--socket", socket).status == 0
        }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    /// A value of the metrics.
    private func metric(_ name: String) throws -> Substring? {
        try Namespace.command([
            "curl", "-s", "-m", "60", "--unix-socket", socket, "http://lazaret/metrics",
        ]).split(separator: "\n").first { $0.hasPrefix("lazaret_\(name) ") }?
        .split(separator: " ").last
    }

    @Test(.needs("curl")) func anInvalidFilterIsRefusedCompletelyOnSIGHUP() throws {
        let program = try monitor()
        let file = try write("filter: foo bar")
        program.signal(SIGHUP)
        let isRefused = eventually { program.errors.contains("what was in use stays") }
        #expect(
            isRefused && program.errors.contains("\(file): line 5: 'filter': "),
            "\(program.errors)")
        #expect(!program.errors.contains("from the next start"), "\(program.errors)")
        let isTold = try eventually {
            try Run("status", "--socket", socket).output.contains(
                /health +the reload of 20[0-9: -]+ UTC failed: .*'filter': .* stays in use/)
        }
        #expect(isTold, "\(program.errors)")
        #expect(try metric("config_last_reload_successful") == "0")
        let before = try metric("config_last_reload_success_timestamp_seconds")
        _ = try write("filter: udp")
        program.signal(SIGHUP)
        let isTaken = eventually { program.errors.contains("were read again") }
        #expect(isTaken && program.errors.contains("filter: changed, and in use from the next"))
        let isForgotten = try eventually { try metric("config_last_reload_successful") == "1" }
        #expect(isForgotten)
        #expect(try metric("config_last_reload_success_timestamp_seconds") != before)
        let status = try Run("status", "--socket", socket).output
        #expect(!status.contains("the reload of"), "\(status)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test(.needs("strace"))
    func aSecondMonitorOfAStateIsRefusedAndDoesNotDisturbTheFirst() throws {
        let first = try monitor()
        // Enough time for a server to start before the refusal, and to be stopped while it starts.
        let slowly = [
            "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=flock,chmod",
            "-e", "inject=flock:delay_enter=20000", "-e", "inject=chmod:delay_enter=300000",
        ]
        for number in 0..<4 {
            // Its own socket, and that of the other monitor.
            let own = number == 3 ? socket : "\(socket).\(number)"
            let second = try Background(
                in: space, ["monitor", "-c", scratch.path("lazaret.yaml"), "--socket", own],
                behind: slowly)
            #expect(second.status == 1 && second.errors.contains("another monitor"))
            #expect(second.errors.count { $0 == "\n" } == 1, "\(second.errors)")
            if number < 3 { #expect(!FileManager.default.fileExists(atPath: own)) }
        }
        #expect(try Run("status", "--socket", socket).status == 0)
        #expect(first.end(by: SIGTERM) == 0, "\(first.errors)")
        #expect(!FileManager.default.fileExists(atPath: socket))
    }
}
