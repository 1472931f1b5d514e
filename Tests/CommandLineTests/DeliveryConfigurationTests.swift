import Foundation
import TestKit
import Testing

/// The keys for the delivery of events.
struct DeliveryConfigurationTests {
    private let scratch = try! Scratch()

    private func run(_ verb: String, _ text: String, _ name: String = "lazaret.yaml") throws -> Run
    {
        // A configuration without an interface is refused by its check.
        let interfaces = verb == "check" ? "interfaces: [lo]\n" : ""
        return try Run(
            "config", verb, "-c", try scratch.write(name, Data((text + "\n" + interfaces).utf8)))
    }

    @Test func aDumpedConfigurationIsReadUnchanged() throws {
        let text = """
            user: lazaret
            rotate: {size: 1536KiB, keep: 3}
            syslog: {to: 'tcp:[fd00::1]:601', facility: local5, kinds: [alert]}
            webhook: {url: 'https://host/a', secret_file: /s, kinds: [stats], spool: 2GiB, \
            timeout: 1m}
            """
        let once = try run("dump", text)
        #expect(once.status == 0, "\(once.errors)")
        for part in [
            "user: 'lazaret'", "rotate: {size: 1536KiB, keep: 3}", "to: 'tcp:[fd00::1]:601'",
            "facility: local5", "kinds: [alert]", "url: 'https://host/a'", "secret_file: '/s'",
            "kinds: [stats]", "spool: 2GiB", "timeout: 1m",
        ] {
            #expect(once.output.contains(part), "\(part): \(once.output)")
        }
        #expect(try run("dump", once.output).output == once.output)
        let short = try run("dump", "rotate: never\nsyslog: unix:/dev/log")
        #expect(short.output.contains("rotate: never\nsyslog:\n  to: 'unix:/dev/log'\n"))
    }

    @Test(arguments: [
        ("rotate: daily", "must be a mapping"), ("rotate: {size: 100}", "with its unit"),
        ("rotate: {size: 1B}", "64KiB to"), ("rotate: {keep: 0}", "from 1 to 1000"),
        ("syslog: /dev/log", "expected unix:PATH, udp:HOST:PORT or tcp:HOST:PORT"),
        ("syslog: {facility: local9}", "one of kern"),
        ("syslog: {kinds: [alarm]}", "one of alert, quarantine, response, runtime, stats"),
        ("webhook: https://host/", "must be a mapping"),
        ("\nwebhook: {url: 'https://u:secret@host/'}", "line 2: 'url' must be"),
        ("webhook: {url: 'gopher://host/'}", "'url' must be"),
        ("webhook: {secret: abc}", "unknown key 'secret'"),
        ("webhook: {timeout: 10}", "with its unit"),
    ])
    func anInvalidValueIsReportedWithItsLine(text: String, words: String) throws {
        let run = try run("check", text)
        #expect(run.status == 2 && run.errors.contains(words), "\(run.errors)")
        #expect(run.errors.count { $0 == "\n" } == 1 && run.output.isEmpty)
        // A secret in the wrong place is not printed.
        #expect(!run.errors.contains("u:secret"))
    }

    @Test func aSecretIsCheckedAndNeverShown() throws {
        let secret = try scratch.write("secret", Data("do not tell\n".utf8), mode: 0o600)
        let text = "webhook: {url: 'https://host/', secret_file: \(secret)}"
        let check = try run("check", text)
        #expect(check.status == 0, "\(check.errors)")
        #expect(try !run("dump", text).output.contains("do not tell"))
        let empty = try scratch.write("empty", Data("\n".utf8), mode: 0o600)
        let open = try scratch.write("open", Data("do not tell\n".utf8), mode: 0o640)
        for (path, words) in [
            (empty, "is empty"), (scratch.path("none"), "cannot be read"),
            (open, "chmod 600 \(open)"),
        ] {
            let run = try run("check", "webhook: {url: 'https://host/', secret_file: \(path)}")
            #expect(run.status == 2 && run.errors.contains("\(path): "), "\(run.errors)")
            #expect(run.errors.contains(words) && run.errors.count { $0 == "\n" } == 1)
        }
    }
}
