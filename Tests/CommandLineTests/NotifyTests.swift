import Foundation
import Synchronization
import TestKit
import Testing

/// Notifications, as an operator configures and tries them.
struct NotifyTests {
    private let scratch = try! Scratch()

    private func secret(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        try scratch.write(name, Data((text + "\n").utf8), mode: mode)
    }

    private func configuration(_ entries: String) throws -> String {
        let text = """
            interfaces: [lo]
            state: \(scratch.path("state"))
            control: {socket: never}
            notify:
            \(entries)

            """
        return try scratch.write("lazaret.yaml", Data(text.utf8))
    }

    @Test func aDumpedConfigurationIsReadUnchanged() throws {
        let file = try configuration(
            """
              - {name: am, type: alertmanager, url: 'http://127.0.0.1:9093', severity: low}
              - {name: chat, type: slack, url_file: /s, wait: 10s, interval: 5m, repeat: 1d}
              - {name: mail, type: email, server: 'smtp://mail.example:587', from: l@example.org, \
            recipients: [a@example.org], user: u, password_file: /p, ca_file: /c, timeout: 20s}
            """)
        let once = try Run("config", "dump", "-c", file)
        #expect(once.status == 0, "\(once.errors)")
        for part in [
            "name: 'am', type: alertmanager, severity: low, url: 'http://127.0.0.1:9093'",
            "url_file: '/s'", "wait: 10s, interval: 5m, repeat: 1d",
            "server: 'smtp://mail.example:587', from: 'l@example.org'",
            "recipients: ['a@example.org'], user: 'u', password_file: '/p', ca_file: '/c'",
            "timeout: 20s",
        ] {
            #expect(once.output.contains(part), "\(part): \(once.output)")
        }
        let again = try scratch.write("again.yaml", Data(once.output.utf8))
        #expect(try Run("config", "dump", "-c", again).output == once.output)
    }

    @Test(arguments: [
        ("{name: a, type: pager}", "expected one of alertmanager, slack, mattermost, email"),
        ("{type: slack, url_file: /s}", "'name' is missing"),
        ("{name: a, type: slack, url: 'https://hooks/x'}", "write it to a file"),
        ("{name: a, type: mattermost}", "'url_file' is missing"),
        ("{name: a, type: alertmanager}", "'url' is missing"),
        ("{name: a, type: alertmanager, url: 'ftp://h/'}", "a URL is https://HOST/PATH"),
        ("{name: a, type: alertmanager, url: 'http://h', server: x}", "'server' is not for"),
        (
            "{name: a, type: alertmanager, url: 'http://h', user: u, password_file: /nonexist/p}",
            "the password needs https"
        ),
        ("{name: a, type: slack, url_file: /nonexist/s}", "/nonexist/s: cannot be read"),
        ("{name: a, type: email}", "'server' is missing"),
        (
            "{name: a, type: email, server: 'mail:25', from: a@b, recipients: [c@d]}",
            "smtp://HOST:PORT"
        ),
        (
            "{name: a, type: email, server: 'smtp://h:25', from: \"a\\nb: c\", recipients: [c@d]}",
            "is no address"
        ),
        (
            "{name: a, type: email, server: 'smtp://h:25', from: a@b, recipients: [c@d], user: u}",
            "need each other"
        ),
        ("{name: a, type: slack, url_file: s}", "s: not an absolute path"),
        ("{name: a, type: slack, url_file: /s, interval: 0s}", "'interval' is '0s'"),
        ("{name: a b, type: slack, url_file: /s}", "the name 'a b' must be"),
    ])
    func anErrorOfTheConfigurationIsReported(entry: String, words: String) throws {
        let file = try configuration("  - \(entry)")
        let check = try Run("config", "check", "-c", file)
        #expect(check.status == 2 && check.errors.contains(words), "\(check.errors)")
        #expect(!check.errors.contains("hooks/x"))
        let doctor = try Run("doctor", "-c", file)
        #expect(doctor.status == 1 && doctor.output.contains(words), "\(doctor.output)")
        let test = try Run("notify", "test", "-c", file)
        #expect(test.status == 2 && test.errors.contains(words), "\(test.errors)")
    }

    @Test func aSecretThatOthersCanReadIsRefusedAndNotShown() throws {
        let path = try secret("url", "https://chat.example/very-secret", mode: 0o644)
        let file = try configuration("  - {name: a, type: slack, url_file: \(path)}")
        for words in [["config", "check"], ["notify", "test"]] {
            let run = try Run(words + ["-c", file])
            #expect(run.status == 2 && run.errors.contains("chmod 600 \(path)"), "\(run.errors)")
            #expect(!run.errors.contains("very-secret"))
        }
    }

    /// Requests that a server got, and the status that it answers.
    private final class Requests: Sendable {
        let all = Mutex<[ScriptedServer.Request]>([])
        let status = Mutex(200)

        func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
            all.withLock { $0.append(request) }
            return .whole(status.withLock { $0 }, "ok")
        }
    }

    @Test(.needs("python3", "openssl"))
    func aTestMessageArrivesEverywhere() throws {
        let requests = Requests()
        let server = try ScriptedServer { requests.answer($0) }
        try Certificates("root", in: scratch.url).sign("server", names: "IP:127.0.0.1")
        let mail = try MailServer(in: scratch.url, security: .starttls, mode: .onlyOps)
        let url = try secret("url", "http://127.0.0.1:\(server.port)/services/very-secret")
        let password = try secret("password", "a long password")
        let entries = """
              - {name: am, type: alertmanager, url: 'http://127.0.0.1:\(server.port)/', user: u, \
            password_file: \(password)}
              - {name: one, type: slack, url_file: \(url)}
              - {name: two, type: mattermost, url_file: \(url)}
              - {name: mail, type: email, server: 'smtp://127.0.0.1:\(mail.port)', user: u, \
            from: lazaret@example.org, recipients: [ops@example.org], ca_file: \
            \(scratch.path("root.crt")), password_file: \(password)}
            """
        let file = try configuration(entries)
        let run = try Run("notify", "test", "-c", file)
        #expect(run.status == 0, "\(run.errors)")
        #expect(
            run.output.split(separator: "\n") == [
                "am (alertmanager): sent", "one (slack): sent", "two (mattermost): sent",
                "mail (email) to ops@example.org: sent",
            ])
        let got = requests.all.withLock { $0 }
        try #require(got.count == 3)
        #expect(got[0].target == "/api/v2/alerts" && got[0].body.contains("LazaretTest"))
        let word = Data("u:a long password".utf8).base64EncodedString()
        #expect(got[0].head.contains("Authorization: Basic \(word)"))
        #expect(got[1].target == "/services/very-secret" && got[1].body.contains("mrkdwn"))
        #expect(got[2].body.contains("This is a test"))
        let text = MailServer.parts(of: try #require(mail.mails.first))
        #expect(text.text.contains("This is a test"))
        #expect(text.header.contains("To: ops@example.org"))

        // One that fails is named, the others get theirs, and no secret is shown.
        requests.status.withLock { $0 = 404 }
        try mail.set(.wrongPassword)
        let failing = try Run("notify", "test", "one", "mail", "-c", file)
        #expect(failing.status == 1)
        #expect(failing.output.contains("one (slack): answers 404"), "\(failing.output)")
        #expect(failing.output.contains("does not accept user and password"))
        let all = failing.output + failing.errors
        #expect(!all.contains("very-secret") && !all.contains("a long password"))
        let unknown = try Run("notify", "test", "nobody", "-c", file)
        #expect(unknown.status == 2 && unknown.errors.contains("nobody"), "\(unknown.errors)")
        let doctor = try Run("doctor", "-c", file)
        #expect(doctor.output.contains("lazaret notify test one"), "\(doctor.output)")
    }
}

/// A monitor that notifies: an operator's fence and its release, seen by the receivers.
@Suite(.needsKernel, .needs("curl", "prometheus-alertmanager", "python3"))
struct MonitorNotifyTests {
    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    /// The summaries of the alerts that a real Alertmanager in the node's namespace has.
    private func alerts() -> [[String: Any]] {
        let text = try? bench.lab.node.space.run(
            "curl", "-s", "http://127.0.0.1:9093/api/v2/alerts")
        let object = text.flatMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) }
        return object as? [[String: Any]] ?? []
    }

    private func labels(_ alert: [String: Any]) -> [String: String] {
        alert["labels"] as? [String: String] ?? [:]
    }

    @Test func alertmanagerFollowsAFence() throws {
        let route = try bench.scratch.write(
            "am.yml", Data("route: {receiver: none}\nreceivers: [{name: none}]\n".utf8))
        let manager = try bench.lab.node.space.start(
            "prometheus-alertmanager", "--config.file=\(route)",
            "--storage.path=\(bench.scratch.path("am"))", "--web.listen-address=127.0.0.1:9093",
            "--cluster.listen-address=", "--log.level=error")
        defer {
            manager.terminate()
            manager.waitUntilExit()
        }
        let isUp = eventually {
            (try? bench.lab.node.space.run(
                "curl", "-sf", "http://127.0.0.1:9093/-/ready")) != nil
        }
        try #require(isUp)
        let program = try bench.monitor(
            configuration: """
                notify:
                  - {name: am, type: alertmanager, url: 'http://127.0.0.1:9093'}
                workloads: {docker: never, podman: never, kubernetes: never}
                """)
        #expect(alerts().isEmpty)
        _ = try bench.quarantine(
            "add", "203.0.113.9", "--for", "5m", "--reason", "<!channel> \"x\"")
        #expect(eventually { !alerts().isEmpty }, "\(program.errors)")
        let first = try #require(alerts().first)
        #expect(labels(first)["alertname"] == "LazaretQuarantine")
        #expect(
            Set(labels(first).keys) == ["alertname", "severity", "workload", "pattern", "node"])
        let notes = try #require(first["annotations"] as? [String: String])
        #expect(notes["release"] == "lazaret quarantine release 203.0.113.9")
        #expect(notes["addresses"] == "203.0.113.9")
        #expect(notes["description"]?.contains("‹!channel› \"x\"") == true)

        _ = try bench.quarantine("release", "203.0.113.9")
        #expect(eventually { alerts().isEmpty }, "\(program.errors)\n\(alerts())")

        // What the detector finds fires, too; it is fenced, which fires as well.
        #expect(try bench.isFencedForScanning(bench.lab.a))
        let names = { Set(alerts().compactMap { labels($0)["alertname"] }) }
        #expect(
            eventually { names().isSuperset(of: ["LazaretIncident", "LazaretQuarantine"]) },
            "\(program.errors)")
        let incident = try #require(
            alerts().first { labels($0)["alertname"] == "LazaretIncident" })
        #expect(labels(incident)["pattern"] == "port_scan")
        let words = (incident["annotations"] as? [String: String])?["summary"]
        #expect(words?.hasSuffix(": port scan") == true, "\(words ?? "")")
        #expect(program.end(by: SIGTERM) == 0)
    }
}
