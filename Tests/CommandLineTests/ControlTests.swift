import Foundation
import TestKit
import Testing

/// The answers of a running monitor on its socket and on loopback, and the effects of requests.
@Suite(.needsKernel, .needs("curl"))
struct ControlTests {
    private let lab: Lab
    private let scratch: Scratch
    /// A socket's path has at most 107 bytes.
    private let socket = "/tmp/lzc-\(UInt32.random(in: 0...UInt32.max)).sock"
    private let token = "a-token-of-the-tests-0123456789"

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
    }

    private func monitor(_ more: [String] = [], configuration: String = "") throws -> Background {
        try scratch.write("token", Data(token.utf8), mode: 0o600)
        let text = """
            interfaces: [br1, br2, uplink]
            state: \(scratch.path("state"))
            events: \(scratch.path("eve.json"))
            control: {socket: \(socket), port: 9787, token_file: \(scratch.path("token"))}
            \(configuration)

            """
        let file = try scratch.write("lazaret.yaml", Data(text.utf8))
        let program = try Background(in: lab.node.space, ["monitor", "-c", file] + more)
        let isReady = try eventually {
            try !program.isRunning || ask("GET", "/healthz").hasSuffix("ok\n")
        }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    /// One request by curl; returns the whole answer with its header.
    private func ask(
        _ method: String, _ path: String, _ body: String? = nil, as user: [String] = []
    ) throws -> String {
        try curl(
            user + ["curl", "-s", "-i", "-m", "60", "--unix-socket", socket, "-X", method]
                + (body.map { ["-H", "Content-Type: application/json", "-d", $0] } ?? []),
            "http://lazaret\(path)")
    }

    private func loopback(_ path: String, _ more: String...) throws -> String {
        try curl(
            ["nsenter", "--net=/run/netns/\(lab.node.space.name)", "curl", "-s", "-i", "-m", "60"]
                + more, "http://127.0.0.1:9787\(path)")
    }

    private func curl(_ words: [String], _ url: String) throws -> String {
        (try? Namespace.command(words + [url])) ?? ""
    }

    private func client(_ words: String...) throws -> (
        status: Int32, output: String, errors: String
    ) {
        let run = try Run(words + ["--socket", socket])
        return (run.status, run.output, run.errors)
    }

    /// Scans until no packet passes any more.
    private func scanUntilFenced(_ program: Background) throws {
        let isFenced = try lab.isFenced(lab.a, forScanning: lab.b)
        #expect(isFenced, "\(program.errors)")
        #expect(try lab.isBlocked(lab.a, lab.b))
    }

    @Test func aNodeLearnsByItselfAndThenFencesNewBehaviour() throws {
        let program = try monitor(["--enforce", "--learn", "12s"])
        #expect(program.errors.contains("learning what is usual"), "\(program.errors)")
        let isLearnt = { program.errors.contains(" windows; model ") }
        let learning = try client("status")
        #expect(learning.status == 0, "\(learning)")
        #expect(learning.output.contains("learning") || isLearnt(), "\(learning)")
        #expect(try ask("GET", "/readyz").contains("503") || isLearnt())
        // The usual traffic here: a queries b occasionally.
        let hasLearnt = try eventually {
            _ = try lab.reaches(lab.a, lab.b)
            Thread.sleep(forTimeInterval: 0.2)
            return isLearnt()
        }
        #expect(hasLearnt, "\(program.errors)")
        let isReady = try eventually { try ask("GET", "/readyz").hasSuffix("ok\n") }
        #expect(isReady)
        let detecting = try client("status")
        #expect(detecting.output.contains("detecting, enforcing"), "\(detecting)")
        #expect(try Run("model", "verify", scratch.path("state/learnt.model")).status == 0)

        try scanUntilFenced(program)

        // The incident, by every interface.
        let told = eventually {
            (try? ask("GET", "/api/v1/incidents").contains(lab.a.v4)) ?? false
        }
        #expect(told)
        // The events reach the store, and the counters the status, some time later.
        let isStored = try eventually {
            let events = try client("events").output
            return events.contains("\"event_type\":\"alert\"") && events.contains(lab.a.v4)
        }
        #expect(isStored)
        #expect(try ask("GET", "/api/v1/quarantine").contains(#""in_force":true"#))
        _ = try eventually { try ask("GET", "/metrics").contains("lazaret_quarantine_active 2") }
        let metrics = try ask("GET", "/metrics")
        for name in [
            "lazaret_quarantine_active 2", "lazaret_enforcing 1",
            "lazaret_verdict_latency_seconds_count",
            "lazaret_quarantine_actions_total{action=\"fence\"} 2",
        ] { #expect(metrics.contains(name), "\(name): \(metrics)") }
        #expect(!metrics.contains(lab.a.v4))

        // Released by request, its packets pass again, and the audit trail names the actor.
        let released = try ask("DELETE", "/api/v1/quarantine?target=\(lab.a.v4)&reason=known")
        #expect(released.contains("200 OK") && released.contains(lab.a.v4), "\(released)")
        #expect(try lab.reaches(lab.a, lab.b))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        let trail = try Run("audit", "list", "--state", scratch.path("state"))
        #expect(trail.output.contains("root") && trail.output.contains("known"), "\(trail)")
        #expect(!FileManager.default.fileExists(atPath: socket))

        // The next start uses the learned model.
        let again = try monitor(["--enforce"])
        #expect(again.errors.contains("that this node learned"), "\(again.errors)")
        #expect(try ask("GET", "/api/v1/events").contains(lab.a.v4))
    }

    @Test func requestedFencesHoldAndRailsApply() throws {
        let program = try monitor(["--enforce", "-m", try scratch.model()])
        let made = try ask(
            "POST", "/api/v1/quarantine",
            #"{"target": "\#(lab.a.v4)", "duration": "10m", "reason": "by hand"}"#)
        #expect(made.contains("201"), "\(made)")
        #expect(try lab.isBlocked(lab.a, lab.b) && lab.reaches(lab.bystander, lab.b))
        let own = try ask("POST", "/api/v1/quarantine", #"{"target": "\#(lab.node.v4)"}"#)
        #expect(own.contains("403") && own.contains("problem+json"), "\(own)")
        for body in ["{", "{}", #"{"target": "nobody"}"#, #"{"target":"10.1.1.1","duration":"x"}"#]
        {
            #expect(try ask("POST", "/api/v1/quarantine", body).contains("400"), "\(body)")
        }
        // Changes by hand are reported and counted; a fence that expires later is not shortened.
        let stands = try #require(made.firstMatch(of: /"until":"([^"]+)"/)).1
        let again = try ask(
            "POST", "/api/v1/quarantine", #"{"target": "\#(lab.a.v4)", "duration": "5s"}"#)
        #expect(again.firstMatch(of: /"until":"([^"]+)"/)?.1 == stands, "\(again)")
        #expect(try ask("DELETE", "/api/v1/quarantine?target=\(lab.a.v4)").contains("200 OK"))
        let hands = #"lazaret_quarantine_actions_total{action="release"} 1"#
        let isCounted = try eventually { try ask("GET", "/metrics").contains(hands) }
        #expect(isCounted)
        let isReported = try eventually {
            let events = try client("events").output
            return ["fence", "release"].allSatisfy { events.contains(#""action":"\#($0)""#) }
        }
        #expect(isReported)
        #expect(try !client("events").output.contains(#""action":"expire""#))
        // The same by the command line, which is not reported as a change by another program.
        let state = scratch.path("state")
        for words in [["add", lab.b.v4, "--for", "10m"], ["release", lab.b.v4]] {
            let run = try Background(
                in: lab.node.space, ["quarantine"] + words + ["--state", state])
            #expect(run.status == 0, "\(run.errors)")
        }
        let areTold = try eventually {
            let output = try client("events").output
            let changes = output.split(separator: "\n").filter {
                $0.contains(#""event_type":"quarantine""#)
            }
            return changes.count { $0.contains("\"target\":\"\(lab.b.v4)\"") } == 2
        }
        #expect(areTold)
        #expect(!program.errors.contains("put right"), "\(program.errors)")
        #expect(try ask("DELETE", "/api/v1/quarantine?target=10.9.9.9").contains("404"))
        #expect(try ask("GET", "/api/v1/nothing").contains("404"))
        #expect(try ask("GET", "/api/v1/events?limit=0").contains("400"))
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func aReadOnlyClientCanOnlyRead() throws {
        let program = try monitor(
            ["-m", try scratch.model()],
            configuration: "webhook: {url: 'https://hooks.invalid:8443/T0/K3N?key=1'}")
        // The kernel identifies the client; the file's mode decides who may connect.
        let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        #expect(try ask("GET", "/api/v1/status", as: nobody) == "")
        let status = try Background(["status", "--socket", socket], behind: nobody)
        #expect(status.status == 1 && status.errors.contains("permission denied; root and"))
        // A read-only client does not see the path of a webhook, which is a secret.
        let shown = try ask("GET", "/api/v1/config")
        #expect(shown.contains("'https://hooks.invalid:8443/***'") && !shown.contains("K3N"))
        try Namespace.command(["chmod", "666", socket])
        #expect(try ask("GET", "/api/v1/status", as: nobody).contains("200 OK"))
        let refused = try ask(
            "POST", "/api/v1/quarantine", #"{"target": "10.1.1.1"}"#, as: nobody)
        #expect(refused.contains("403") && refused.contains("nobody"), "\(refused)")
        // A monitor in observe mode fences nothing, not even by request.
        let observing = try ask("POST", "/api/v1/quarantine", #"{"target": "10.1.1.1"}"#)
        #expect(observing.contains("409"), "\(observing)")

        #expect(try loopback("/healthz").contains("200 OK"))
        #expect(try loopback("/api/v1/status").contains("401"))
        #expect(try loopback("/api/v1/status", "-H", "Authorization: Bearer wrong").contains("401"))
        #expect(
            try loopback("/api/v1/status", "-H", "Authorization: Bearer \(token)").contains(
                "200 OK"))
        #expect(
            try loopback(
                "/api/v1/status", "-H", "Authorization: Bearer \(token)", "-H", "Host: evil.example"
            ).contains("421"))
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func anInvalidConfigurationIsRefusedAndAValidOneApplied() throws {
        let program = try monitor(["--enforce", "-m", try scratch.model()])
        let file = scratch.path("lazaret.yaml")
        let good = try String(contentsOfFile: file, encoding: .utf8)
        try scratch.write("lazaret.yaml", Data((good + "enforce: perhaps\n").utf8))
        program.signal(SIGHUP)
        let isRefused = eventually { program.errors.contains("what was in use stays") }
        #expect(isRefused && program.errors.contains("enforce"), "\(program.errors)")
        try scratch.write(
            "lazaret.yaml",
            Data((good + "allow: [{prefix: \(lab.a.v4), reason: our scanner}]\n").utf8))
        #expect(try ask("POST", "/api/v1/reload").contains("202"))
        let isTaken = eventually { program.errors.contains("were read again") }
        #expect(isTaken, "\(program.errors)")
        #expect(try ask("GET", "/api/v1/config").contains("our scanner"))
        #expect(try ask("GET", "/api/v1/stats?limit=5").contains("200 OK"))
        let isAllowed = try eventually {
            try lab.scan(lab.b, by: lab.a)
            return try ask("GET", "/api/v1/events").contains("our scanner")
        }
        #expect(isAllowed, "\(program.errors)")
        #expect(try lab.reaches(lab.a, lab.b))
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func interfacesChangeByConfigurationWithoutLosingWindows() throws {
        let program = try monitor(["--enforce", "-m", try scratch.model()])
        let file = scratch.path("lazaret.yaml")
        let all = try String(contentsOfFile: file, encoding: .utf8)
        func watch(_ interfaces: String) throws {
            let text = all.replacingOccurrences(of: "[br1, br2, uplink]", with: interfaces)
            try scratch.write("lazaret.yaml", Data(text.utf8))
            let before = program.errors.components(separatedBy: "were read again").count
            program.signal(SIGHUP)
            let isTaken = eventually {
                program.errors.components(separatedBy: "were read again").count > before
            }
            #expect(isTaken, "\(program.errors)")
        }
        func windows() throws -> Int {
            let status = try ask("GET", "/api/v1/status").components(separatedBy: "\r\n\r\n")
            let object = try JSONSerialization.jsonObject(with: Data((status.last ?? "").utf8))
            return (object as? [String: Any])?["windows"] as? Int ?? -1
        }
        try watch("[br2]")
        #expect(program.errors.contains("watching br2"), "\(program.errors)")
        // Traffic on an interface that is not watched is not seen, even if it is anomalous.
        try lab.scan(lab.b, by: lab.a)
        // Windows end for all hosts at once: when one of later traffic is scored, one of the scan
        // would have been too.
        var before = try windows()
        for _ in 0..<2 {
            let isJudged = try eventually {
                _ = try lab.reaches(lab.c, lab.node)
                return try windows() > before
            }
            #expect(isJudged, "\(program.errors)")
            before = try windows()
        }
        #expect(try !ask("GET", "/api/v1/events").contains(lab.a.v4))
        try watch("[br2, br1, gone0]")
        let isMissing = try eventually {
            try client("status").output.contains("gone0")
        }
        #expect(isMissing)
        #expect(try windows() >= before)
        try scanUntilFenced(program)
        #expect(!program.errors.contains("from the next start"), "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func aDamagedStoreIsSetAsideAndTheFenceStaysActive() throws {
        let first = try monitor(["--enforce", "-m", try scratch.model()])
        _ = try ask("POST", "/api/v1/quarantine", #"{"target": "\#(lab.a.v4)"}"#)
        #expect(try lab.isBlocked(lab.a, lab.b))
        #expect(first.end(by: SIGKILL) == -SIGKILL)
        let file = scratch.path("state/lazaret.db")
        for ending in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: file + ending)
        }
        try Data(repeating: 0x5A, count: 100_000).write(to: URL(fileURLWithPath: file))
        let second = try monitor(["--enforce", "-m", try scratch.model()])
        #expect(second.errors.contains("renamed to"), "\(second.errors)")
        #expect(try lab.isBlocked(lab.a, lab.b))
        #expect(try ask("GET", "/api/v1/quarantine").contains(lab.a.v4))
        #expect(second.end(by: SIGTERM) == 0)
    }

    @Test func eventsStreamAsTheyHappen() throws {
        let program = try monitor(["--enforce", "-m", try scratch.model()])
        let follower = try Background(["events", "--follow", "-n", "0", "--socket", socket])
        // It follows the stream when it receives the event of a new fence.
        let isFollowing = try eventually {
            _ = try ask("POST", "/api/v1/quarantine", #"{"target": "\#(lab.c.v4)"}"#)
            _ = try ask("DELETE", "/api/v1/quarantine?target=\(lab.c.v4)")
            return follower.output.contains(lab.c.v4)
        }
        #expect(isFollowing, "\(follower.errors) \(program.errors)")
        let isReported = try eventually {
            try lab.scan(lab.b, by: lab.a)
            return follower.output.contains("\"event_type\":\"alert\"")
        }
        #expect(isReported, "\(follower.errors) \(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
        // The stream ends with the monitor.
        let isOver = eventually { !follower.isRunning }
        #expect(isOver)
    }

    @Test(.enabled(if: Browser.path != nil, "needs chromium"))
    func anOperatorViewsAnIncidentAndReleasesTheFence() throws {
        let program = try monitor(["--enforce", "-m", try scratch.model()])
        try scanUntilFenced(program)
        let browser = try Browser(in: lab.node.space)
        try browser.go(to: "http://127.0.0.1:9787/")
        let isAsked = try browser.waits(for: "document.getElementById('login')?.hidden === false")
        #expect(isAsked)
        _ = try browser.evaluate(
            """
            (document.getElementById('token').value = '\(token)', document.querySelector('#login \
            button').click())
            """
        )
        // The opened incident shows the reasons.
        let isShown = try browser.waits(for: "document.querySelectorAll('.incident').length > 0")
        #expect(isShown, "\(program.errors)")
        _ = try browser.evaluate("document.querySelector('.incident summary').click()")
        let isExplained = try browser.waits(
            for: "document.querySelectorAll('.incident .reasons li').length > 0")
        #expect(isExplained)
        let reasons = try browser.evaluate("document.querySelector('.incident').innerText")
        #expect(reasons.contains(lab.a.v4) && reasons.contains("clean maximum"), "\(reasons)")
        // Released with a reason, after a confirmation.
        let isListed = try browser.waits(
            for: "document.querySelector('#fences tbody').innerText.includes('\(lab.a.v4)')")
        #expect(isListed)
        _ = try browser.evaluate("document.querySelector('#fences button').click()")
        #expect(try browser.evaluate("document.getElementById('ask').open") == "true")
        #expect(try lab.isBlocked(lab.a, lab.b))
        _ = try browser.evaluate(
            """
            (document.getElementById('reason').value = 'seen in the browser', \
            document.getElementById('yes').click())
            """
        )
        let isGone = try browser.waits(
            for: "document.querySelectorAll('#fences tbody tr').length === 0")
        #expect(isGone)
        #expect(try lab.reaches(lab.a, lab.b))
        #expect(try !lab.node.space.run("nft", "list", "ruleset").contains(lab.a.v4 + " timeout"))
        #expect(browser.troubles.isEmpty, "\(browser.troubles)")
        #expect(program.end(by: SIGTERM) == 0)
        let trail = try Run("audit", "list", "--state", scratch.path("state"))
        #expect(trail.output.contains("seen in the browser"), "\(trail.output)")
    }

    @Test func aMissingMonitorIsReportedInOneLine() throws {
        let nobody = try client("status")
        #expect(nobody.status == 1 && nobody.errors.contains("No such file"), "\(nobody)")
        #expect(nobody.errors.count { $0 == "\n" } == 1)
    }
}
