import Foundation
import HTTPServer
import Synchronization
import Testing

/// The basic behaviour of the server.
struct ServerTests {
    private static let hello = Router<Void>.Route(.get, "/hello") { _, _ in .text("hello") }
    private static let echo = Router<Void>.Route(.post, "/echo") { request, _ in
        Response(type: "text/plain", body: .bytes(request.body))
    }
    private static let slow = Router<Void>.Route(.get, "/slow") { _, _ in
        try await Task.sleep(for: .milliseconds(100))
        return .text("slow")
    }

    @Test(arguments: Entrance.allCases)
    func answersHaveTheirHeaderFields(entrance: Entrance) async throws {
        try await Site.serve(entrance, routes: [Self.hello]) { site in
            let answer = try await site.get("/hello")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.hasSuffix("\r\n\r\nhello"))
            for field in [
                "Date: ", "Server: test", "Content-Length: 5", "Content-Type: text/plain",
                "Cache-Control: no-store", "X-Content-Type-Options: nosniff", "Connection: close",
            ] { #expect(answer.contains("\r\n\(field)"), "\(field): \(answer)") }
            let missing = try await site.get("/nothing")
            #expect(missing.hasPrefix("HTTP/1.1 404 Not Found\r\n"), "\(missing)")
            #expect(missing.contains("\r\nContent-Type: application/problem+json\r\n"))
            #expect(
                missing.hasSuffix(
                    #"{"detail":"there is no /nothing","status":404,"title":"Not Found"}"#))
        }
    }

    @Test(arguments: Entrance.allCases)
    func aConnectionServesManyRequestsInOrder(entrance: Entrance) async throws {
        try await Site.serve(entrance, routes: [Self.hello, Self.slow, Self.echo]) { site in
            let client = try site.connect()
            for number in 0..<50 {
                client.send(
                    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n\(10 + number)")
                let answer = await client.answer()
                #expect(answer.hasSuffix("\r\n\r\n\(10 + number)"), "\(answer)")
            }
            // All at once, the slow one first.
            let get = " HTTP/1.1\r\nHost: x\r\n\r\n"
            client.send("GET /slow\(get)GET /hello\(get)GET /slow\(get)GET /nothing\(get)")
            let answers = await client.read { $0.contains("404") && $0.hasSuffix("}") }
            let bodies = answers.matches(of: /\r\n\r\n(slow|hello|\{)/).map(\.1)
            #expect(bodies == ["slow", "hello", "slow", "{"], "\(answers)")
            #expect(!client.isClosed)
        }
    }

    @Test(arguments: Entrance.allCases)
    func aHalfClosedClientStillReceivesItsAnswer(entrance: Entrance) async throws {
        try await Site.serve(entrance, routes: [Self.hello, Self.slow, Self.echo]) { site in
            for path in ["/hello", "/slow"] {
                let client = try site.connect()
                client.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                client.closeHalf()
                let answer = await client.rest()
                #expect(answer.hasSuffix(path.dropFirst()) && client.isClosed, "\(answer)")
            }
            let client = try site.connect()
            client.send("POST /echo HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc")
            client.closeHalf()
            #expect(await client.rest().hasSuffix("\r\n\r\nabc"))
        }
    }

    @Test func headIsAnsweredWithoutABody() async throws {
        let stream = Router<Void>.Route(.get, "/stream") { _, _ in
            Response(events: AsyncStream<ServerSentEvent> { _ in }, retryMilliseconds: 1)
        }
        try await Site.serve(.unix, routes: [Self.hello, stream]) { site in
            let client = try site.connect()
            for (path, field) in [
                ("/hello", "Content-Length: 5"), ("/stream", "text/event-stream"),
            ] {
                client.send("HEAD \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                let answer = await client.read { $0.hasSuffix("\r\n\r\n") }
                #expect(answer.hasPrefix("HTTP/1.1 200 OK") && answer.contains(field), "\(answer)")
            }
            client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await client.answer().hasSuffix("\r\n\r\nhello"))
        }
    }

    @Test func clientsOfHTTP10AreServed() async throws {
        try await Site.serve(.unix, routes: [Self.hello]) { site in
            let client = try site.connect()
            client.send("GET /hello HTTP/1.0\r\n\r\n")
            #expect(await client.rest().hasSuffix("\r\n\r\nhello") && client.isClosed)
            let keeper = try site.connect()
            for _ in 0..<2 {
                keeper.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                #expect(await keeper.answer().hasSuffix("\r\n\r\nhello"))
            }
        }
    }

    @Test func onlyOnAUnixSocketIsTheHostFieldOptional() async throws {
        for (entrance, code) in [(Entrance.unix, "200"), (.loopback, "400")] {
            try await Site.serve(entrance, routes: [Self.hello]) { site in
                let answer = try await site.ask(
                    "GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n")
                #expect(answer.hasPrefix("HTTP/1.1 \(code) "), "\(answer)")
                let old = try await site.ask("GET /hello HTTP/1.0\r\n\r\n")
                #expect(old.hasSuffix("hello"))
            }
        }
    }

    @Test func expect100IsAnsweredWithContinue() async throws {
        try await Site.serve(.unix, routes: [Self.echo]) { site in
            let client = try site.connect()
            client.send(
                "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n"
                    + "Expect: 100-continue\r\n\r\n")
            let permission = await client.read { $0.hasSuffix("\r\n\r\n") }
            #expect(permission == "HTTP/1.1 100 Continue\r\n\r\n")
            client.send("abc")
            #expect(await client.answer().hasSuffix("\r\n\r\nabc"))
        }
    }

    @Test func aTargetMayBeAWholeURL() async throws {
        let route = Router<Void>.Route(.get, "/who") { request, _ in
            .text(request.authority ?? "nobody")
        }
        try await Site.serve(.unix, routes: [route]) { site in
            let head = "HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n"
            let whole = try await site.ask("GET http://one:80/who \(head)")
            #expect(whole.hasSuffix("\r\n\r\none:80"))
            let path = try await site.ask("GET /who \(head)")
            #expect(path.hasSuffix("\r\n\r\nother"))
        }
    }

    @Test func theKernelIdentifiesTheClient() async throws {
        let seen = Mutex<[Peer?]>([])
        let users = Mutex<[UInt32?]>([])
        let route = Router<Void>.Route(.get, "/") { request, _ in
            seen.withLock { $0.append(request.peer) }
            users.withLock { $0.append(request.user) }
            return .text("")
        }
        for entrance in Entrance.allCases {
            try await Site.serve(entrance, routes: [route]) { site in _ = try await site.get("/") }
        }
        let own = Peer(pid: getpid(), uid: getuid(), gid: getgid())
        #expect(seen.withLock { $0 } == [own, nil])
        #expect(users.withLock { $0 } == [getuid(), getuid()])
    }

    @Test func requestsAreAnsweredConcurrently() async throws {
        try await Site.serve(.unix, routes: [Self.slow]) { site in
            let time = try await ContinuousClock().measure {
                let clients = try (0..<20).map { _ in try site.connect() }
                for client in clients { client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") }
                for client in clients { #expect(await client.answer().hasSuffix("slow")) }
            }
            #expect(time < .seconds(60))
        }
    }

    @Test func aClientThatDisconnectsBeforeTheAnswerIsHarmless() async throws {
        try await Site.serve(.unix, routes: [Self.slow, Self.hello]) { site in
            for _ in 0..<100 {
                let client = try site.connect()
                client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            }
            try await Task.sleep(for: .milliseconds(200))
            #expect(try await site.get("/hello").hasSuffix("hello"))
        }
    }

    @Test func aLargeAnswerArrivesCompletely() async throws {
        let text = String(repeating: "0123456789abcdef", count: 1 << 18)
        let route = Router<Void>.Route(.get, "/large") { _, _ in .text(text) }
        for entrance in Entrance.allCases {
            try await Site.serve(entrance, routes: [route]) { site in
                let answer = try await site.get("/large")
                #expect(answer.hasSuffix(text) && answer.contains("Content-Length: \(text.count)"))
            }
        }
    }

    @Test func aSocketHasItsModeAndIsRemovedAfterwards() async throws {
        var path = ""
        try await Site.serve(.unix, routes: [Self.hello]) { site in
            path = site.path
            var found = stat()
            #expect(lstat(path, &found) == 0 && found.st_mode & 0o7777 == 0o660)
        }
        #expect(!FileManager.default.fileExists(atPath: path))
        // An unused socket is replaced; a socket that has replaced ours is kept.
        try await Site.serve(.unix, routes: [Self.hello]) { site in
            path = site.path
            let again = try Listener.unix(path)
            let server = try Server(again, name: "second") { _ in .text("second") }
            let task = Task { await server.run() }
            #expect(try await site.get("/hello").hasSuffix("second"))
            task.cancel()
            await task.value
            #expect(!FileManager.default.fileExists(atPath: path))
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
        }
        #expect(FileManager.default.fileExists(atPath: path))
        #expect(throws: ServerError.self) { _ = try Listener.unix(path) }
        try FileManager.default.removeItem(atPath: path)
    }

    @Test func anUnusableAddressIsReported() throws {
        #expect {
            _ = try Listener.unix("/nonexistent/socket")
        } throws: { "\($0)" == "/nonexistent/socket: bind: No such file or directory" }
        #expect {
            _ = try Listener.unix("/" + String(repeating: "x", count: 107))
        } throws: { "\($0)".hasSuffix("bind: longer than 107 bytes") }
        let first = try Listener.loopback(port: 0)
        let port = first.port ?? 0
        #expect {
            _ = try Listener.loopback(port: port)
        } throws: { "\($0)" == "127.0.0.1:\(port): bind: Address already in use" }
        withExtendedLifetime(first.address) {}
    }
}
