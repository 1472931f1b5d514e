import Foundation
import TestKit
import Testing

/// Fences by the command line, in a separate namespace.
@Suite(.needsKernel)
struct QuarantineCommandTests {
    private let space: Namespace
    private let scratch: Scratch
    private let file: String

    init() throws {
        space = try Namespace()
        scratch = try Scratch()
        file = try scratch.write(
            "lazaret.yaml", Data("state: \(scratch.path("state"))\n".utf8))
    }

    private func run(
        _ words: [String], _ redirection: String = ""
    ) throws -> (status: Int32, output: String, errors: String) {
        let script = "exec \"$@\" \(redirection)"
        let program = try Background(in: space, words, behind: ["sh", "-c", script, "sh"])
        return (program.status, program.output, program.errors)
    }

    private var hasState: Bool { FileManager.default.fileExists(atPath: scratch.path("state")) }

    @Test func theConfiguredLedgerIsUsed() throws {
        let nothing = try run(["quarantine", "list", "-c", file])
        #expect(nothing.status == 0 && nothing.output == "nothing is fenced\n")
        // Listing does not create a ledger.
        #expect(!hasState)
        #expect(try run(["quarantine", "add", "10.9.0.1", "-c", file]).status == 0)
        #expect(hasState)
        #expect(try run(["quarantine", "list", "-c", file]).output.contains("10.9.0.1"))
        #expect(try run(["audit", "list", "-c", file]).output.contains("10.9.0.1"))
        #expect(try run(["audit", "verify", "-c", file]).output.contains("whole"))
        // An option takes precedence over the configuration.
        let other = ["--state", scratch.path("other")]
        let elsewhere = try run(["quarantine", "list", "-c", file] + other)
        #expect(elsewhere.output.contains("in the kernel, not in the ledger"))
        #expect(elsewhere.errors.contains("fences in the kernel but not in the ledger: 1"))
        #expect(!FileManager.default.fileExists(atPath: scratch.path("other")))
        #expect(try run(["quarantine", "release", "10.9.0.1", "-c", file]).status == 0)
        #expect(try run(["quarantine", "list", "-c", file]).output == "nothing is fenced\n")
    }

    @Test func fencesMissingFromTheLedgerAreListedToo() throws {
        #expect(try run(["quarantine", "add", "10.9.0.1", "-c", file]).status == 0)
        try space.run("nft", "add element inet lazaret drop_host4 { 10.9.0.66 timeout 99999d }")
        let list = try run(["quarantine", "list", "-c", file])
        #expect(list.output.contains("10.9.0.66") && list.errors.contains("not in the ledger: 1"))
        #expect(try run(["quarantine", "flush", "-c", file]).output.contains("10.9.0.66 released"))
        #expect(try run(["quarantine", "list", "-c", file]).errors.isEmpty)
    }

    @Test func anExpiryLaterThanRequestedIsReported() throws {
        #expect(try run(["quarantine", "add", "10.9.0.1", "--for", "1h", "-c", file]).status == 0)
        let again = try run(["quarantine", "add", "10.9.0.1", "--for", "10s", "-c", file])
        #expect(again.output.contains("10.9.0.1 is already fenced (drop) until"), "\(again.output)")
        #expect(again.output.contains("which is later than 10s from now"))
        let longer = try run(["quarantine", "add", "10.9.0.1", "--for", "2h", "-c", file])
        #expect(longer.output.contains("10.9.0.1 fenced (drop) for 2h;"), "\(longer.output)")
    }

    /// Nobody was there when its time was over; what happens next says so.
    @Test func anExpiryWhileNobodyRunsIsRecorded() throws {
        #expect(try run(["quarantine", "add", "10.9.0.1", "--for", "1s", "-c", file]).status == 0)
        Thread.sleep(forTimeInterval: 1.5)
        #expect(try run(["quarantine", "add", "10.9.0.2", "-c", file]).status == 0)
        let lines = try run(["audit", "list", "-c", file]).output.split(separator: "\n")
        #expect(lines.count { $0.contains("expire  10.9.0.1  time over") } == 1, "\(lines)")
        #expect(try run(["audit", "verify", "-c", file]).output.contains("whole"))
    }

    @Test func untrustedTextDoesNotControlTheTerminal() throws {
        let reason = "\u{1B}]0;title\u{7}\u{9B}31m\u{202E}x\nlast"
        #expect(
            try run(["quarantine", "add", "10.9.0.1", "--reason", reason, "-c", file]).status == 0)
        for command in [["quarantine", "list"], ["audit", "list"]] {
            let list = try run(command + ["-c", file])
            #expect(list.status == 0 && list.output.contains("]0;title"))
            for scalar in list.output.unicodeScalars {
                #expect(scalar == "\n" || scalar.properties.generalCategory != .control)
            }
        }
    }

    @Test func aWorkloadIsFencedAndReleasedByItsName() throws {
        func configure(_ addresses: String) throws {
            let names = try scratch.write(
                "names.yaml",
                Data("workloads:\n  - {name: shop/web, addresses: [\(addresses)]}\n".utf8))
            _ = try scratch.write(
                "lazaret.yaml",
                Data(
                    """
                    state: \(scratch.path("state"))
                    inventory: \(names)
                    workloads: {docker: never, podman: never, kubernetes: never}
                    """.utf8))
        }
        try configure("10.9.0.1, 'fd09::1'")
        let unknown = try run(["quarantine", "add", "shop/wbe", "-c", file])
        #expect(unknown.status == 2 && unknown.output.isEmpty)
        #expect(
            unknown.errors.contains("'shop/wbe' is no address") && !unknown.errors.contains("\n\n"),
            "\(unknown.errors)")
        let added = try run(["quarantine", "add", "shop/web", "--for", "5m", "-c", file])
        #expect(added.status == 0, "\(added.errors)")
        #expect(
            added.output == """
                10.9.0.1 fenced (drop) for 5m; undo: lazaret quarantine release 10.9.0.1
                fd09::1 fenced (drop) for 5m; undo: lazaret quarantine release fd09::1

                """)
        let list = try run(["quarantine", "list", "-c", file]).output
        #expect(list.matches(of: /by hand \(shop\/web\)/).count == 2, "\(list)")
        // A new container has another address. The rule on the old one still has the name.
        try configure("10.9.0.2, 'fd09::1'")
        #expect(try run(["quarantine", "add", "10.9.0.2", "-c", file]).status == 0)
        #expect(try run(["quarantine", "add", "10.9.0.3", "-c", file]).status == 0)
        let released = try run(["quarantine", "release", "shop/web", "-c", file])
        #expect(released.status == 0, "\(released.errors)")
        #expect(
            Set(released.output.split(separator: "\n")) == [
                "10.9.0.1 released", "fd09::1 released", "10.9.0.2 released",
            ], "\(released.output)")
        let rest = try run(["quarantine", "list", "-c", file]).output
        #expect(rest.contains("10.9.0.3") && !rest.contains("10.9.0.2"))
        let again = try run(["quarantine", "release", "shop/web", "-c", file])
        #expect(again.status == 1 && again.errors.contains("10.9.0.2"), "\(again.errors)")
    }

    @Test func replicasAreFencedTogetherOnlyIfAllAreNamed() throws {
        let names = try scratch.write(
            "names.yaml",
            Data("workloads:\n  - {name: web, addresses: [10.9.0.1, 10.9.0.2]}\n".utf8))
        let file = try scratch.write(
            "lazaret.yaml",
            Data(
                """
                state: \(scratch.path("state"))
                inventory: \(names)
                workloads: {docker: never, podman: never, kubernetes: never}
                protected: [{prefix: 10.9.0.1/32, reason: kept}]

                """.utf8))
        let refused = try run(["quarantine", "add", "web", "-c", file])
        #expect(refused.status == 2 && refused.output.isEmpty)
        #expect(refused.errors.contains("'web' has 2 replicas: 10.9.0.1, 10.9.0.2;"))
        #expect(try run(["quarantine", "list", "-c", file]).output == "nothing is fenced\n")
        let added = try run(["quarantine", "add", "web", "--all", "-c", file])
        #expect(added.status == 1 && added.errors.contains("10.9.0.1"), "\(added.errors)")
        #expect(added.output.hasPrefix("10.9.0.2 fenced (drop)"), "\(added.output)")
    }

    @Test func theAuditTrailShowsExpiriesAsTimes() throws {
        for host in 1...3 {
            #expect(try run(["quarantine", "add", "10.9.0.\(host)", "-c", file]).status == 0)
        }
        let list = try run(["audit", "list", "-n", "2", "-c", file])
        #expect(list.output.count { $0 == "\n" } == 2, "\(list.output)")
        #expect(
            list.output.firstMatch(of: /until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC; drop/) != nil)
        #expect(try run(["audit", "list", "--lines", "1", "-c", file]).output.contains("10.9.0.3"))
    }

    @Test func anUnwritableListIsAnError() throws {
        #expect(try run(["quarantine", "add", "10.9.0.1", "-c", file]).status == 0)
        for command in [["quarantine", "list"], ["audit", "list"], ["audit", "verify"]] {
            let run = try run(command + ["-c", file], ">/dev/full")
            #expect(run.status == 1 && run.errors.contains("No space left on device"))
        }
    }
}
