import AnomalyDetection
import EventStore
import Events
import FeatureExtraction
import Foundation
import NetworkAddresses
import Testing

@testable import ControlServer
@testable import HTTPServer
@testable import Monitor
import Timestamps

/// Asks the control server's routes without a socket: here every caller is known already.
private struct Desk {
    let board = MonitorBoard()
    private let router: Router<Caller>

    /// A caller on the Unix socket; root may act.
    var peer: Peer? = Peer(pid: 1, uid: 0, gid: 0)

    init(entry: Doorman.Entry = .socket([1234])) {
        router = ControlRoutes.router(board, Doorman(entry: entry))
    }

    func ask(
        _ method: HTTPServer.Method, _ target: String, _ body: String = "", headers: Headers = [:]
    ) async throws -> Answer {
        let request = try Request(
            method, target, headers: headers, body: Array(body.utf8), peer: peer)
        return Answer(response: await router.respond(to: request))
    }

    func publish(_ change: (inout MonitorStatus) -> Void = { _ in }) {
        var status = MonitorStatus()
        status.updated = Clock.now()
        change(&status)
        board.publish(status)
    }
}

private struct Answer {
    var response: Response

    var status: Int { response.status.code }

    var text: String {
        guard case .bytes(let bytes) = response.body else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The answer's JSON, of any kind.
    func json() throws -> Any? {
        try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    /// Whether it is problem details (RFC 9457) for its status, with these words.
    func isProblem(_ status: Int, _ words: String) throws -> Bool {
        let problem = try json() as? [String: Any]
        return self.status == status && problem?["status"] as? Int == status
            && (problem?["title"] as? String)?.isEmpty == false
            && (problem?["detail"] as? String)?.contains(words) == true
            && response.headers["Content-Type"] == "application/problem+json"
    }
}

struct RouteTests {
    @Test func healthIsWhetherPacketsAreWorkedOff() async throws {
        let desk = Desk()
        var answer = try await desk.ask(.get, "/healthz")
        #expect(answer.status == 503 && answer.text == "starting\n")
        desk.publish()
        answer = try await desk.ask(.get, "/healthz")
        #expect(answer.status == 200 && answer.text == "ok\n")
        #expect(answer.response.headers["Content-Type"] == "text/plain")
        desk.publish { $0.updated -= .seconds(60) }
        answer = try await desk.ask(.get, "/healthz")
        #expect(answer.status == 503 && answer.text.hasPrefix("no packet was worked off for 6"))
        #expect(try await desk.ask(.head, "/healthz").status == 503)
    }

    @Test func readinessWaitsForTheModelAndEveryInterface() async throws {
        let desk = Desk()
        desk.publish { $0.phase = .learning }
        #expect(try await desk.ask(.get, "/healthz").status == 200)
        var answer = try await desk.ask(.get, "/readyz")
        #expect(answer.status == 503 && answer.text == "learning\n")
        desk.publish { $0.missing = ["br7", "br8"] }
        answer = try await desk.ask(.get, "/readyz")
        #expect(answer.status == 503 && answer.text == "waiting for br7, br8\n")
        desk.publish()
        #expect(try await desk.ask(.get, "/readyz").status == 200)
    }

    @Test func statusAndMetricsSayTheSame() async throws {
        let desk = Desk()
        for path in ["/api/v1/status", "/metrics"] {
            #expect(try await desk.ask(.get, path).isProblem(503, "only begun"))
        }
        desk.publish {
            $0.fences = 3
            $0.isEnforcing = true
        }
        let status = try await desk.ask(.get, "/api/v1/status")
        let object = try #require(try status.json() as? [String: Any])
        #expect(object["fences"] as? Int == 3 && object["is_enforcing"] as? Bool == true)
        #expect(status.response.headers["Cache-Control"] == "no-store")
        #expect(status.response.headers["X-Content-Type-Options"] == "nosniff")
        let metrics = try await desk.ask(.get, "/metrics")
        #expect(metrics.text.contains("\nlazaret_quarantine_active 3\n"))
        #expect(
            metrics.response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
    }

    @Test func whatNeedsTheStoreSaysThatThereIsNone() async throws {
        let desk = Desk()
        for path in ["events", "events/1", "incidents", "incidents/1", "stats", "models"] {
            let answer = try await desk.ask(.get, "/api/v1/\(path)")
            #expect(try answer.isProblem(503, "the monitor is not running"), "\(path)")
        }
        let standing = try await desk.ask(.get, "/api/v1/quarantine")
        #expect(try standing.isProblem(503, "the monitor is not running"))
    }

    @Test(arguments: [
        ("events?limit=0", "limit must be 1 to 1000"), ("events?limit=1001", "limit must be"),
        ("events?limit=x", "limit must be"), ("events?limit=", "limit must be"),
        ("events?before=-1", "before must be"), ("incidents?limit=-1", "limit must be"),
        ("stats?limit=10001", "limit must be 1 to 10000"),
        ("scores?minutes=1441", "minutes must be 1 to 1440"),
        ("scores?limit=5001", "limit must be 1 to 5000"),
        ("events?limit=99999999999999999999", "limit must be"),
    ])
    func aNumberOutOfItsBoundsIsRefused(path: String, why: String) async throws {
        let answer = try await Desk().ask(.get, "/api/v1/" + path)
        #expect(try answer.isProblem(400, why), "\(answer.text)")
    }

    @Test func listsAreThereFromTheStart() async throws {
        let desk = Desk()
        for (path, text) in [
            ("/api/v1/rates", "[]"), ("/api/v1/contacts", "[]"),
            ("/api/v1/scores?minutes=1&limit=1&match=a%20b", #"{"total":0,"workloads":[]}"#),
        ] {
            let answer = try await desk.ask(.get, path)
            #expect(answer.status == 200 && answer.text == text, "\(path): \(answer.text)")
        }
        desk.publish { $0.packetsPerSecond = 7 }
        let rates = try await desk.ask(.get, "/api/v1/rates").json() as? [[String: Any]]
        #expect(rates?.first?["packets"] as? Double == 7)
    }

    @Test func theConfigurationIsShownAndAReloadIsAskedFor() async throws {
        let desk = Desk()
        desk.board.configuration = "enforce: true\n"
        let shown = try await desk.ask(.get, "/api/v1/config")
        #expect(shown.text == "enforce: true\n")
        #expect(shown.response.headers["Content-Type"] == "application/yaml")
        #expect(!desk.board.takeReload())
        #expect(try await desk.ask(.post, "/api/v1/reload").status == 202)
        #expect(desk.board.takeReload())
    }

    @Test(arguments: [
        ("", "JSON object"), ("{", "JSON object"), ("{}", "JSON object"), ("[]", "JSON object"),
        (#"{"target": 1}"#, "JSON object"), (#"{"target": "nobody"}"#, "'nobody' is no address"),
        (#"{"target": "10.1.1.1", "duration": "x"}"#, "'x' is no time"),
        (#"{"target": "10.1.1.1", "duration": "0s"}"#, "'0s' is no time"),
        (#"{"target": "10.1.1.1", "response": "shout"}"#, "'shout' is none of"),
    ])
    func aFenceThatCannotBeMeantIsRefused(body: String, why: String) async throws {
        let answer = try await Desk().ask(.post, "/api/v1/quarantine", body)
        #expect(try answer.isProblem(400, why), "\(answer.text)")
    }

    @Test func fencesAndReleasesNeedAMonitor() async throws {
        let desk = Desk()
        let fence = #"{"target": "10.1.1.1"}"#
        #expect(try await desk.ask(.post, "/api/v1/quarantine", fence).isProblem(409, "observes"))
        desk.publish { $0.isEnforcing = true }
        #expect(
            try await desk.ask(.post, "/api/v1/quarantine", fence).isProblem(503, "not running"))
        for target in ["10.1.1.1", "10.0.0.0%2F8", "02:42:0a:3c:04:11"] {
            let answer = try await desk.ask(
                .delete, "/api/v1/quarantine?target=\(target)&reason=a%20b")
            #expect(try answer.isProblem(503, "not running"), "\(answer.text)")
        }
        for target in ["", "?target=", "?target=x", "?reason=x"] {
            let answer = try await desk.ask(.delete, "/api/v1/quarantine\(target)")
            #expect(try answer.isProblem(400, "is no address"), "\(answer.text)")
        }
    }

    @Test func eventsAreFollowedFromWhereAClientLeftOff() async throws {
        let desk = Desk()
        for number in 1...3 { desk.board.note(Self.event("\(number)")) }
        let answer = try await desk.ask(
            .get, "/api/v1/events/stream", headers: ["Last-Event-ID": "1"])
        #expect(answer.response.headers["Content-Type"] == "text/event-stream")
        guard case .stream(let stream) = answer.response.body else {
            Issue.record("no stream")
            return
        }
        #expect(stream.first == Array("retry: 2000\n\n".utf8))
        desk.board.note(Self.event("4"))
        desk.board.close()
        var text = ""
        for await chunk in stream.chunks { text += String(decoding: chunk, as: UTF8.self) }
        #expect(
            text
                == (2...4).map {
                    "id: \($0)\nevent: alert\ndata: \(Self.event("\($0)").line)\n\n"
                }.joined())
    }

    private static func event(_ id: String) -> RenderedEvent {
        RenderedEvent(
            Event(
                time: .epoch,
                .alert(
                    Event.Alert(
                        identifier: id, looksLike: .beacon, severity: .low,
                        offender: IPAddress(v4: 1), workload: "web", scale: .short, score: 1))))
    }

    @Test func thePageLoadsNothingFromElsewhere() async throws {
        let desk = Desk(entry: .token("secret"))
        for (path, type) in [
            ("/", "text/html"), ("/dashboard.css", "text/css"),
            ("/dashboard.js", "text/javascript"),
        ] {
            let answer = try await desk.ask(.get, path, headers: ["Host": "127.0.0.1:9787"])
            #expect(answer.status == 200 && !answer.text.isEmpty)
            #expect(answer.response.headers["Content-Type"] == "\(type); charset=utf-8")
            #expect(answer.response.headers["Referrer-Policy"] == "no-referrer")
            let policy = try #require(answer.response.headers["Content-Security-Policy"])
            for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
                #expect(policy.contains(part))
            }
        }
    }

    @Test func everyRouteIsDescribedAndAnswers() async throws {
        let desk = Desk()
        desk.publish()
        let document = try await desk.ask(.get, "/api/v1/openapi.json").json() as? [String: Any]
        #expect(document?["openapi"] as? String == "3.1.0")
        let paths = try #require(document?["paths"] as? [String: [String: Any]])
        #expect(paths.values.map(\.count).reduce(0, +) == ControlRoutes.table.count)
        for route in ControlRoutes.table {
            let path = route.path.replacingOccurrences(of: ":id", with: "x")
            let answer = try await desk.ask(route.method, path)
            #expect(![404, 405, 500].contains(answer.status), "\(route.path): \(answer.text)")
        }
    }

    @Test func whatIsNotThereIsSaidSo() async throws {
        let desk = Desk()
        #expect(try await desk.ask(.get, "/api/v1/nothing").isProblem(404, "/api/v1/nothing"))
        let answer = try await desk.ask(.put, "/api/v1/quarantine")
        #expect(try answer.isProblem(405, "takes GET, HEAD, POST, DELETE"))
        #expect(answer.response.headers["Allow"] == "GET, HEAD, POST, DELETE")
    }
}

/// Who may look, and who may act.
struct DoormanTests {
    private func desk(uid: UInt32?) -> Desk {
        var desk = Desk(entry: .socket([1234]))
        desk.peer = uid.map { Peer(pid: 1, uid: $0, gid: 0) }
        desk.publish()
        return desk
    }

    @Test func onTheSocketTheKernelSaysWhoMayAct() async throws {
        for uid in [0, geteuid(), 1234] {
            #expect(try await desk(uid: uid).ask(.post, "/api/v1/reload").status == 202)
        }
        let stranger = desk(uid: 4_000_000_001)
        #expect(try await stranger.ask(.get, "/api/v1/status").status == 200)
        for (method, path) in [
            (HTTPServer.Method.post, "reload"), (.post, "quarantine"), (.delete, "quarantine"),
        ] {
            let answer = try await stranger.ask(method, "/api/v1/" + path)
            #expect(try answer.isProblem(403, "uid 4000000001 may look but not act"))
        }
        let unknown = try await desk(uid: nil).ask(.get, "/api/v1/status")
        #expect(try unknown.isProblem(403, "nobody knows who asks"))
    }

    @Test func onLoopbackItTakesTheToken() async throws {
        let desk = Desk(entry: .token("correct horse"))
        desk.publish()
        func ask(_ path: String, _ token: String?, host: String = "localhost:9787") async throws
            -> Answer
        {
            var headers: Headers = ["Host": host]
            headers["authorization"] = token
            return try await desk.ask(.get, path, headers: headers)
        }
        for path in ["/healthz", "/readyz", "/", "/dashboard.css", "/dashboard.js"] {
            #expect(try await ask(path, nil).status == 200)
        }
        #expect(try await ask("/api/v1/status", "Bearer correct horse").status == 200)
        for token in [
            nil, "", "Bearer", "Bearer ", "Bearer correct hors", "Bearer correct horsf",
            "Bearer correct horse ", "bearer correct horse", "Basic correct horse",
        ] {
            for path in ["/api/v1/status", "/metrics", "/nothing", "/healthz/x"] {
                let answer = try await ask(path, token)
                #expect(try answer.isProblem(401, "Authorization: Bearer TOKEN"), "\(path)")
            }
        }
        for host in ["evil.example", "evil.example:9787", "127.0.0.1.evil.example", "", "[::1]"] {
            let answer = try await ask("/healthz", "Bearer correct horse", host: host)
            #expect(try answer.isProblem(421, "127.0.0.1 or localhost"), "\(host)")
        }
        // A whole URL goes before the field.
        let elsewhere = try await ask("http://evil.example/healthz", nil, host: "localhost")
        #expect(elsewhere.status == 421)
    }
}
