import Foundation
import TestKit
import Testing

/// Operators may not override protection, and no user may fence the internet.
@Suite(.needsKernel, .needs("curl", "setpriv"))
struct RailFaultTests {
    private let bench: FaultBench
    private let token = "a-token-of-the-tests-0123456789"

    init() throws { bench = try FaultBench() }

    private func setpriv(_ user: String) -> [String] {
        ["setpriv", "--reuid=\(user)", "--regid=65534", "--clear-groups"]
    }

    private func ask(_ words: [String], _ body: String) throws -> String {
        try Namespace.command(
            words + ["curl", "-s", "-i", "-m", "60", "-d", body]
                + ["--unix-socket", bench.socket, "http://lazaret/api/v1/quarantine"])
    }

    private func body(_ target: String) -> String { #"{"target": "\#(target)", "force": true}"# }

    @Test func overridingTakesARightOfItsOwnAndSomeThingsNobodyOverrides() throws {
        try bench.scratch.write("token", Data(token.utf8), mode: 0o600)
        let program = try bench.monitor(
            configuration: """
                control:
                  port: 9787
                  token_file: \(bench.scratch.path("token"))
                  operators: [nobody, daemon]
                  may_force: [daemon]
                """)
        try Namespace.command(["chmod", "666", bench.socket])
        // An operator may fence, but not override.
        let plain = try ask(setpriv("nobody"), #"{"target": "10.99.0.1"}"#)
        #expect(plain.contains(" 201 "), "\(plain)")
        for target in ["0.0.0.0/0", bench.lab.node.v4, "10.99.0.2"] {
            let refused = try ask(setpriv("nobody"), body(target))
            #expect(
                refused.contains(" 403 ") && refused.contains("nobody may not override"),
                "\(refused)")
        }
        let token = try bench.lab.node.space.run(
            "curl", "-s", "-i", "-m", "60", "-d", body("10.99.0.3"), "-H",
            "Authorization: Bearer \(token)", "http://127.0.0.1:9787/api/v1/quarantine")
        #expect(token.contains(" 403 ") && token.contains("token on loopback may not"), "\(token)")
        // A user who is named may; so may root.
        for (user, target) in [("daemon", bench.lab.outside.v4), ("root", bench.lab.node.v4)] {
            let forced = try ask(user == "root" ? [] : setpriv(user), body(target))
            #expect(forced.contains(" 201 "), "\(user): \(forced)")
        }
        let firewall = try bench.lab.node.space.run("nft", "list", "ruleset")
        #expect(firewall.contains("\(bench.lab.node.v4) timeout"))
        for target in [
            "0.0.0.0/0", "::/0", "128.0.0.0/2", "10.0.0.0/7", "2000::/3", "127.0.0.1", "::1",
            "0.0.0.0", "224.0.0.1", "ff02::1", "255.255.255.255",
        ] {
            for user in [[], setpriv("daemon")] {
                let refused = try ask(user, body(target))
                #expect(
                    refused.contains(" 403 ") && refused.contains("is never fenced"), "\(refused)")
            }
        }
        let words = ["quarantine", "add", "0.0.0.0/0", "--force", "--state", bench.state]
        let asking = try Background(in: bench.lab.node.space, words)
        #expect(
            asking.status == 1 && asking.errors.contains("0.0.0.0/0 is never fenced"),
            "\(asking.errors)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        // Without a monitor it is the same.
        let alone = try Background(in: bench.lab.node.space, words)
        #expect(
            alone.status == 1 && alone.errors.contains("0.0.0.0/0 is never fenced"),
            "\(alone.errors)")
        let after = try bench.lab.node.space.run("nft", "list", "ruleset")
        #expect(!after.contains("0.0.0.0-") && !after.contains("0.0.0.0/0"), "\(after)")
    }
}
