import Foundation
import StatusReport
import Testing

@testable import ControlServer
@testable import HTTPServer
@testable import Monitor

/// The permissions to read and to act.
struct AuthenticationTests {
    private func client(uid: UInt32?) -> TestClient {
        var client = TestClient(entry: .socket([1234]))
        client.peer = uid.map { Peer(pid: 1, uid: $0, gid: 0) }
        client.publish()
        return client
    }

    @Test func onTheSocketTheKernelIdentifiesTheClient() async throws {
        for uid in [0, geteuid(), 1234] {
            #expect(try await client(uid: uid).ask(.post, "/api/v1/reload").status == 202)
        }
        let reader = client(uid: 4_000_000_001)
        #expect(try await reader.ask(.get, "/api/v1/status").status == 200)
        for (method, path) in [
            (HTTPServer.Method.post, "reload"), (.post, "quarantine"), (.delete, "quarantine"),
        ] {
            let answer = try await reader.ask(method, "/api/v1/" + path)
            #expect(try answer.isProblem(403, "uid 4000000001 may look but not act"))
        }
        let unknown = try await client(uid: nil).ask(.get, "/api/v1/status")
        #expect(try unknown.isProblem(403, "the caller is unknown"))
    }

    @Test func overridingWhatIsProtectedIsARightOfItsOwn() async throws {
        let body = #"{"target": "10.1.1.1", "force": true}"#
        func ask(uid: UInt32) async throws -> Answer {
            var client = TestClient(entry: .socket([1234], forcing: [2345]))
            client.peer = Peer(pid: 1, uid: uid, gid: 0)
            client.publish { $0.isEnforcing = true }
            return try await client.ask(.post, "/api/v1/quarantine", body)
        }
        // Permitted requests get as far as the quarantine, which does not exist here.
        for uid: UInt32 in [0, 2345] {
            #expect(try await ask(uid: uid).isProblem(503, "not running"))
        }
        let operating = try await ask(uid: 1234)
        #expect(try operating.isProblem(403, "uid 1234 may not override protection"))
        #expect(try operating.parameter == "force")
        #expect(try await ask(uid: 3456).isProblem(403, "may look but not act"))
        let client = TestClient(entry: .token("correct horse"))
        client.publish { $0.isEnforcing = true }
        let token = try await client.ask(
            .post, "/api/v1/quarantine", body,
            headers: ["Host": "localhost", "Authorization": "Bearer correct horse"])
        #expect(try token.isProblem(403, "token on loopback may not override"))
    }

    @Test func onLoopbackItTakesTheToken() async throws {
        let client = TestClient(entry: .token("correct horse"))
        client.publish()
        func ask(_ path: String, _ token: String?, host: String = "localhost:9787") async throws
            -> Answer
        {
            var headers: Headers = ["Host": host]
            headers["authorization"] = token
            return try await client.ask(.get, path, headers: headers)
        }
        for path in ["/healthz", "/readyz", "/", "/flows", "/risk"] {
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
                let isWrong = try answer.isProblem(401, "that is no token of this node")
                #expect(isWrong == (token != nil), "\(token ?? "none") \(path)")
            }
        }
        for host in ["evil.example", "evil.example:9787", "127.0.0.1.evil.example", "", "[::2]"] {
            let answer = try await ask("/healthz", "Bearer correct horse", host: host)
            #expect(try answer.isProblem(421, "127.0.0.1 or localhost"), "\(host)")
        }
        // A whole URL takes precedence over the field.
        let elsewhere = try await ask("http://evil.example/healthz", nil, host: "localhost")
        #expect(elsewhere.status == 421)
    }
}
