import AnomalyDetection
import AttackPatterns
import Digests
import EventStore
import Events
import FeatureExtraction
import Foundation
import NetworkAddresses
import StatusReport
import Testing

@testable import ControlServer
@testable import HTTPServer
@testable import Monitor
import Timestamps

struct RouteTests {
    @Test func healthReportsWhetherPacketsAreProcessed() async throws {
        let client = TestClient()
        var answer = try await client.ask(.get, "/healthz")
        #expect(answer.status == 503 && answer.text == "starting\n")
        client.publish()
        answer = try await client.ask(.get, "/healthz")
        #expect(answer.status == 200 && answer.text == "ok\n")
        #expect(answer.response.headers["Content-Type"] == "text/plain")
        client.publish { $0.updated -= .seconds(60) }
        answer = try await client.ask(.get, "/healthz")
        #expect(answer.status == 503 && answer.text.hasPrefix("no packet was worked off for 6"))
        #expect(try await client.ask(.head, "/healthz").status == 503)
    }

    @Test func readinessWaitsForTheModelAndEveryInterface() async throws {
        let client = TestClient()
        client.publish { $0.phase = .learning }
        #expect(try await client.ask(.get, "/healthz").status == 200)
        var answer = try await client.ask(.get, "/readyz")
        #expect(answer.status == 503 && answer.text == "learning\n")
        client.publish { $0.missing = ["br7", "br8"] }
        answer = try await client.ask(.get, "/readyz")
        #expect(answer.status == 503 && answer.text == "waiting for br7, br8\n")
        client.publish()
        #expect(try await client.ask(.get, "/readyz").status == 200)
        client.hub.report(entrance: "port", address: "127.0.0.1:1") { $0.trouble = "taken" }
        answer = try await client.ask(.get, "/readyz")
        #expect(answer.status == 503 && answer.text == "control.port: taken\n")
        #expect(try await client.ask(.get, "/healthz").status == 200)
        client.hub.report(entrance: "port", address: "127.0.0.1:1") { $0.trouble = nil }
        #expect(try await client.ask(.get, "/readyz").status == 200)
    }

    @Test func aFollowerWhoseEventIsGoneIsToldHowManyAreMissed() async throws {
        let client = TestClient()
        for number in 1...2060 { client.hub.publish(Self.event("\(number)")) }
        client.hub.close()
        let answer = try await client.ask(
            .get, "/api/v1/events/stream", headers: ["Last-Event-ID": "2"])
        guard case .stream(let stream) = answer.response.body else {
            Issue.record("no stream")
            return
        }
        var chunks: [String] = []
        for await chunk in stream.chunks { chunks.append(String(decoding: chunk, as: UTF8.self)) }
        #expect(chunks.count == 2049)
        #expect(chunks[0] == "id: 12\nevent: missed\ndata: {\"missed\":10}\n\n")
        #expect(chunks[1].hasPrefix("id: 13\n") && chunks[2048].hasPrefix("id: 2060\n"))
    }

    @Test func statusAndMetricsAgree() async throws {
        let client = TestClient()
        for path in ["/api/v1/status", "/metrics"] {
            #expect(try await client.ask(.get, path).isProblem(503, "only begun"))
        }
        client.publish {
            $0.fences = 3
            $0.isEnforcing = true
        }
        let status = try await client.ask(.get, "/api/v1/status")
        let object = try #require(try status.json() as? [String: Any])
        #expect(object["fences"] as? Int == 3 && object["is_enforcing"] as? Bool == true)
        #expect(status.response.headers["Cache-Control"] == "no-store")
        #expect(status.response.headers["X-Content-Type-Options"] == "nosniff")
        let metrics = try await client.ask(.get, "/metrics")
        #expect(metrics.text.contains("\nlazaret_quarantine_active 3\n"))
        #expect(
            metrics.response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
    }

    @Test func withoutAStoreItsRoutesReportThat() async throws {
        let client = TestClient()
        for path in ["events", "events/1", "incidents", "incidents/1", "stats", "models"] {
            let answer = try await client.ask(.get, "/api/v1/\(path)")
            #expect(try answer.isProblem(503, "the monitor is not running"), "\(path)")
        }
        let standing = try await client.ask(.get, "/api/v1/quarantine")
        #expect(try standing.isProblem(503, "the monitor is not running"))
    }

    @Test(arguments: [
        ("events?limit=0", "limit must be a whole number, 1 to 1000"),
        ("events?limit=1001", "limit must be"),
        ("events?limit=x", "limit must be"), ("events?limit=", "limit must be"),
        ("events?before=-1", "before must be a whole number, 0 or more"),
        ("incidents?limit=-1", "limit must be"), ("stats?limit=10001", "limit must be"),
        ("scores?minutes=1441", "minutes must be a whole number, 1 to 1440"),
        ("scores?limit=5001", "limit must be"),
        ("talkers?limit=0", "limit must be"), ("talkers?from=-1", "from must be"),
        ("talkers?order=colour", "order must be one of bytes, flows, new_peers"),
        ("incidents?severity=loud", "severity must be one of high, medium, low"),
        ("incidents?state=odd", "state must be one of new,"),
        ("incidents?pattern=everything", "pattern must be one of ack_flood,"),
        ("events?limit=99999999999999999999", "limit must be"),
    ])
    func aNumberOutOfRangeIsRefused(path: String, why: String) async throws {
        let answer = try await TestClient().ask(.get, "/api/v1/" + path)
        #expect(try answer.isProblem(400, why), "\(answer.text)")
        #expect(try answer.parameter == String(why.prefix { $0 != " " }))
    }

    @Test(arguments: [
        ("/api/v1/events?limt=5", "limt"), ("/api/v1/status?x", "x"),
        ("/api/v1/incidents?limit=1&offset=2", "offset"), ("/healthz?verbose=1", "verbose"),
        ("/?x=1", "x"),
    ])
    func anUnknownParameterIsRefused(target: String, name: String) async throws {
        let client = TestClient()
        client.publish()
        let answer = try await client.ask(.get, target)
        #expect(try answer.isProblem(400, "'\(name)' is unknown"), "\(answer.text)")
        #expect(try answer.parameter == name)
    }

    @Test func malformedIdentifiersAndHeaderFieldsAreRefused() async throws {
        let client = TestClient()
        let long = String(repeating: "x", count: 65)
        for path in ["events", "incidents"] {
            let answer = try await client.ask(.get, "/api/v1/\(path)/\(long)")
            #expect(try answer.isProblem(400, "id must be") && answer.parameter == "id")
        }
        let answer = try await client.ask(
            .get, "/api/v1/events/stream", headers: ["Last-Event-ID": "x"])
        #expect(try answer.isProblem(400, "Last-Event-ID must be"), "\(answer.text)")
    }

    @Test func listsAreAvailableFromTheStart() async throws {
        let client = TestClient()
        for (path, text) in [
            ("/api/v1/rates", "[]"), ("/api/v1/contacts", "[]"),
            ("/api/v1/scores?minutes=1&limit=1&match=a%20b", #"{"total":0,"workloads":[]}"#),
        ] {
            let answer = try await client.ask(.get, path)
            #expect(answer.status == 200 && answer.text == text, "\(path): \(answer.text)")
        }
        client.publish { $0.packetsPerSecond = 7 }
        let rates = try await client.ask(.get, "/api/v1/rates").json() as? [[String: Any]]
        #expect(rates?.first?["packets"] as? Double == 7)
    }

    @Test func theConfigurationIsShownAndAReloadRequested() async throws {
        let client = TestClient()
        client.hub.configuration = "enforce: true\n"
        let shown = try await client.ask(.get, "/api/v1/config")
        #expect(shown.text == "enforce: true\n")
        #expect(shown.response.headers["Content-Type"] == "application/yaml")
        #expect(!client.hub.takeReload())
        #expect(try await client.ask(.post, "/api/v1/reload").status == 202)
        #expect(client.hub.takeReload())
    }

    @Test(arguments: ["", "{", "[]", "null", "7", #"{"target"}"#])
    func aBodyThatIsNotAnObjectIsRefused(body: String) async throws {
        for path in ["", "/release", "/flush"] {
            let answer = try await TestClient().ask(.post, "/api/v1/quarantine" + path, body)
            #expect(try answer.isProblem(400, "the body must be a JSON object"), "\(answer.text)")
        }
    }

    @Test(arguments: [
        ("{}", "target", "is missing"), (#"{"target": null}"#, "target", "is missing"),
        (#"{"target": 1}"#, "target", "must be an address"),
        (#"{"target": "nobody"}"#, "target", "must be an address"),
        (#"{"target": "10.1.1.1", "duration": "x"}"#, "duration", "must be a time"),
        (#"{"target": "10.1.1.1", "duration": "0s"}"#, "duration", "must be a time"),
        (#"{"target": "10.1.1.1", "duration": 600}"#, "duration", "must be a time"),
        (#"{"target": "10.1.1.1", "response": "shout"}"#, "response", "must be one of drop,"),
        (#"{"target": "10.1.1.1", "force": "true"}"#, "force", "must be true or false"),
        (#"{"target": "10.1.1.1", "force": 1}"#, "force", "must be true or false"),
        (#"{"target": "10.1.1.1", "reason": ["x"]}"#, "reason", "must be text"),
        (#"{"target": "10.1.1.1", "seconds": "60"}"#, "seconds", "is unknown"),
    ])
    func anInvalidMemberIsRefused(
        body: String, name: String, why: String
    ) async throws {
        let answer = try await TestClient().ask(.post, "/api/v1/quarantine", body)
        #expect(try answer.isProblem(400, why), "\(answer.text)")
        #expect(try answer.parameter == name)
    }

    @Test func aReasonHasALimitedLength() async throws {
        let client = TestClient()
        client.publish { $0.isEnforcing = true }
        for (length, status) in [(500, 503), (501, 400)] {
            let reason = String(repeating: "ä", count: length)
            for path in ["", "/release", "/flush"] {
                let target = path == "/flush" ? "" : #""target": "10.1.1.1", "#
                let answer = try await client.ask(
                    .post, "/api/v1/quarantine" + path, #"{\#(target)"reason": "\#(reason)"}"#)
                #expect(answer.status == status, "\(path): \(answer.text)")
            }
            let query = String(repeating: "%C3%A4", count: length)
            let answer = try await client.ask(
                .delete, "/api/v1/quarantine?target=10.1.1.1&reason=\(query)")
            #expect(answer.status == status, "\(answer.text)")
        }
    }

    @Test func fencesAndReleasesNeedAMonitor() async throws {
        let client = TestClient()
        let fence = #"{"target": "10.1.1.1"}"#
        #expect(try await client.ask(.post, "/api/v1/quarantine", fence).isProblem(409, "observes"))
        client.publish { $0.isEnforcing = true }
        #expect(
            try await client.ask(.post, "/api/v1/quarantine", fence).isProblem(503, "not running"))
        for target in ["10.1.1.1", "10.0.0.0%2F8", "02:42:0a:3c:04:11"] {
            let answer = try await client.ask(
                .delete, "/api/v1/quarantine?target=\(target)&reason=a%20b")
            #expect(try answer.isProblem(503, "not running"), "\(answer.text)")
        }
        for target in ["", "?target=", "?target=x", "?reason=x"] {
            let answer = try await client.ask(.delete, "/api/v1/quarantine\(target)")
            #expect(try answer.isProblem(400, "an address, a prefix"), "\(answer.text)")
            #expect(try answer.parameter == "target")
        }
    }

    @Test func aReconnectingClientReceivesTheMissedEvents() async throws {
        let client = TestClient()
        for number in 1...3 { client.hub.publish(Self.event("\(number)")) }
        let answer = try await client.ask(
            .get, "/api/v1/events/stream", headers: ["Last-Event-ID": "1"])
        #expect(answer.response.headers["Content-Type"] == "text/event-stream")
        guard case .stream(let stream) = answer.response.body else {
            Issue.record("no stream")
            return
        }
        #expect(stream.first == Array("retry: 2000\n\n".utf8))
        client.hub.publish(Self.event("4"))
        client.hub.close()
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

    /// A browser on the node ends its transfers whenever an address of the node changes: what a
    /// page loads besides its document may be missing.
    @Test(arguments: ["/", "/flows", "/risk"])
    func aPageIsOneDocument(path: String) async throws {
        let client = TestClient(entry: .token("secret"))
        let answer = try await client.ask(.get, path, headers: ["Host": "127.0.0.1:9787"])
        #expect(answer.status == 200)
        #expect(answer.response.headers["Content-Type"] == "text/html; charset=utf-8")
        #expect(answer.response.headers["Referrer-Policy"] == "no-referrer")
        let policy = try #require(answer.response.headers["Content-Security-Policy"])
        for part in ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'"] {
            #expect(policy.contains(part))
        }
        #expect(!policy.contains("unsafe"))
        for element in ["style", "script"] {
            let pieces = answer.text.components(separatedBy: "<\(element)>")
            #expect(pieces.count == 2)
            let text = try #require(pieces.last?.components(separatedBy: "</\(element)>").first)
            #expect(text.count > 1000)
            let digest = SHA256.hash(Array(text.utf8).span)
            #expect(
                policy.contains("\(element)-src 'sha256-\(Data(digest).base64EncodedString())'"))
        }
        for loading in ["<script src", "<link rel=\"stylesheet\"", "<img", "@import", "url(/"] {
            #expect(!answer.text.contains(loading), "\(loading)")
        }
    }

    @Test func unknownPathsAreReported() async throws {
        let client = TestClient()
        #expect(try await client.ask(.get, "/api/v1/nothing").isProblem(404, "/api/v1/nothing"))
        let answer = try await client.ask(.put, "/api/v1/quarantine")
        #expect(try answer.isProblem(405, "takes GET, HEAD, POST, DELETE"))
        #expect(answer.response.headers["Allow"] == "GET, HEAD, POST, DELETE")
    }
}
