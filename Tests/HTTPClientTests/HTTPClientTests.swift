import Foundation
import TestKit
import Testing

@testable import HTTPClient

@Suite(.enabled(if: PythonServer.isAvailable), .timeLimit(.minutes(20)))
struct HTTPClientTests {
    private let scratch = try! Scratch()

    // MARK: - Requests and answers

    @Test(arguments: [false, true])
    func anAnswerIsReadCompletely(isUnix: Bool) async throws {
        let server = try Server(socket: isUnix ? scratch.path("socket") : nil)
        let answer = try await server.request("/hello").answer(upTo: 5)
        #expect(answer.status == 200 && text(answer.body) == "hello")
        #expect(try await server.request("/bytes/0").answer(upTo: 0).body.isEmpty)
        let large = try await server.request("/chunks/40").answer(upTo: 3 << 20)
        #expect(large.body.count == 40 << 16)
        #expect(
            try await server.request("/status/503").answer(upTo: 10) == (503, Array("why".utf8)))
        // Early hints are not the answer.
        #expect(try await text(server.request("/continue").answer(upTo: 5).body) == "hello")
    }

    /// In a separate process, because other transfers would also use kept connections.
    @Test func aConnectionIsReused() async throws {
        let server = try Server()
        let url = server.request("/").url
        await #expect(processExitsWith: .success) { [url = url as String] in
            for path in ["hello", "status/404", "chunks/3"] {
                _ = try await HTTPRequest(url: url + path).answer(upTo: 1 << 20)
            }
            let count = try await HTTPRequest(url: url + "count/connections").answer(upTo: 9).body
            exit(count == Array("1".utf8) ? 0 : 1)
        }
    }

    @Test func onlyTheRequestedHeadersAreSent() async throws {
        let server = try Server()
        var request = server.request("/heads/..//%2e?a=%20b")
        request.headers = [("Accept", "application/json"), ("X-Empty", "")]
        let lines = text(try await request.answer(upTo: 1000).body).split(separator: "\n")
        #expect(lines.first == "GET /heads/..//%2e?a=%20b HTTP/1.1")
        #expect(
            Set(lines.dropFirst().map { $0.split(separator: ":")[0] }) == [
                "Host", "Accept", "X-Empty",
            ])
        #expect(lines.contains("Accept: application/json") && lines.contains("X-Empty: "))
    }

    @Test(arguments: [0, 5, 2 << 20])
    func aBodyIsPosted(count: Int) async throws {
        let server = try Server()
        var request = server.request("/")
        request.headers = [("Content-Type", "application/json")]
        request.body = [UInt8](repeating: 120, count: count)
        let body = try await request.answer(upTo: 3 << 20).body
        let end = try #require(
            body.indices.dropLast().first { body[$0] == 10 && body[$0 + 1] == 10 })
        #expect(body[(end + 2)...] == request.body![...])
        let head = text(Array(body[..<end])).lowercased()
        #expect(head.contains("content-type: application/json\n") && !head.contains("expect"))
    }

    @Test func redirectsCookiesAndCompressionAreLeftToTheCaller() async throws {
        let server = try Server()
        #expect(try await server.request("/redirect").answer(upTo: 10).status == 302)
        #expect(try await server.request("/cookie").answer(upTo: 10).status == 200)
        let heads = text(try await server.request("/heads").answer(upTo: 1000).body)
        #expect(!heads.contains("Cookie") && !heads.contains("Encoding"))
        #expect(try await text(server.request("/squeezed").answer(upTo: 10).body) == "not gzip")
    }

    @Test func noProxyIsTakenFromTheEnvironment() async throws {
        let server = try Server()
        let url = server.request("/hello").url
        await #expect(processExitsWith: .success) { [url = url as String] in
            for name in ["http_proxy", "all_proxy", "ALL_PROXY"] {
                setenv(name, "http://127.0.0.1:1", 1)
            }
            let answer = try await HTTPRequest(url: url).answer(upTo: 10)
            exit(answer.status == 200 ? 0 : 1)
        }
    }

    @Test(
        arguments: [
            ("ftp://127.0.0.1/", [:]), ("file:///etc/passwd", [:]), ("", [:]), ("http://", [:]),
            ("http://user:word@127.0.0.1/", [:]), ("http://127.0.0.1/\0", [:]),
            ("http://127.0.0.1/a\r\nX: y", [:]),
            ("http://127.0.0.1/", ["X": "a\r\nY: b"]), ("http://127.0.0.1/", ["X": "a\0"]),
            ("http://127.0.0.1/", ["X:": "a"]), ("http://127.0.0.1/", ["": "a"]),
            ("http://127.0.0.1/", ["X\n": "a"]),
        ] as [(String, [String: String])])
    func anInvalidRequestIsNotSent(url: String, headers: [String: String]) async throws {
        var request = HTTPRequest(url: url)
        request.headers = headers.map { ($0.key, $0.value) }
        let error = try await failure(request)
        guard case .unusable(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(!reason.isEmpty && !reason.contains("word") && !reason.contains("Y: b"))
    }

    // MARK: - Servers that do not do as they should

    @Test func anUnreachableServerIsNamed() async throws {
        guard
            case .unreachable(let reason) = try await failure(
                HTTPRequest(url: "http://127.0.0.1:1/"))
        else {
            Issue.record("reached")
            return
        }
        #expect(
            reason.contains("127.0.0.1 port 1") && reason.contains("Connection refused"),
            "\(reason)")
        let path = scratch.path("none")
        let absent = HTTPRequest(url: "http://here/", socket: path)
        #expect(try await failure(absent) == .unreachable("\(path): No such file or directory"))
        let long = HTTPRequest(
            url: "http://here/", socket: "/" + String(repeating: "x", count: 200))
        guard case .unreachable = try await failure(long) else {
            Issue.record("reached")
            return
        }
        let nobody = try await failure(HTTPRequest(url: "http://nobody.invalid/"))
        guard case .unreachable(let reason) = nobody else {
            Issue.record("\(String(describing: nobody))")
            return
        }
        #expect(reason.contains("nobody.invalid"), "\(reason)")
    }

    @Test func aBodyIsReadUpToItsLimit() async throws {
        let server = try Server()
        #expect(try await server.request("/bytes/1000").answer(upTo: 1000).body.count == 1000)
        await #expect(throws: HTTPError.tooLarge(limit: 999)) {
            try await server.request("/bytes/1000").answer(upTo: 999)
        }
        await #expect(throws: HTTPError.tooLarge(limit: 1 << 20)) {
            try await server.request("/endless").answer(upTo: 1 << 20)
        }
        // The server's connection is closed.
        #expect(try await server.has(1, "closed"))
        guard case .tooLarge = try await failure(server.request("/heads-without-end")) else {
            Issue.record("taken")
            return
        }
        #expect(try await server.has(2, "closed"))
    }

    @Test(arguments: ["/half", "/half-chunks", "/nothing", "/noise"])
    func anIncompleteAnswerIsAnError(path: String) async throws {
        let server = try Server()
        let error = try await failure(server.request(path))
        guard case .broken(let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(!reason.isEmpty && !reason.contains("\n"), "\(reason)")
    }

    @Test func dataBeforeABrokenConnectionIsRead() async throws {
        let server = try Server()
        var parts: [UInt8] = []
        do {
            try await server.request("/half-chunks").withResponse { response in
                while let part = try await response.next() { parts += part }
            }
            Issue.record("whole")
        } catch HTTPError.broken {
            #expect(text(parts) == "one")
        }
    }

    @Test func silenceEndsATransferAndASlowServerDoesNot() async throws {
        let server = try Server()
        for (path, came) in [("/silent", false), ("/falls-silent", true)] {
            var request = server.request(path)
            request.idleTimeout = .milliseconds(400)
            let start = ContinuousClock.now
            var hasCome = false
            do {
                try await request.withResponse { response in
                    hasCome = try await response.next() != nil
                    _ = try await response.next()
                }
                Issue.record("\(path) ended")
            } catch HTTPError.timedOut(let reason) {
                #expect(reason.contains("silent"))
            }
            #expect(hasCome == came)
            #expect((.milliseconds(390)..<(.seconds(60))).contains(.now - start))
        }
        var request = server.request("/slow/30")
        request.idleTimeout = .seconds(2)
        #expect(try await request.answer(upTo: 30).body.count == 30)
    }

    @Test func theWholeTransferHasATimeLimit() async throws {
        let server = try Server()
        for path in ["/silent", "/slow/300", "/endless"] {
            var request = server.request(path)
            request.timeout = .milliseconds(500)
            let start = ContinuousClock.now
            do {
                try await request.withResponse { response in
                    while try await response.next() != nil {}
                }
                Issue.record("\(path) ended")
            } catch HTTPError.timedOut {}
            #expect((.milliseconds(490)..<(.seconds(60))).contains(.now - start))
        }
    }

    /// A server that accepts the connection and never answers the TLS handshake.
    @Test func connectingHasATimeLimit() async throws {
        let listener = try ScriptedServer { _ in .whole(200, "") }
        var request = HTTPRequest(url: "https://127.0.0.1:\(listener.port)/")
        request.connectTimeout = .milliseconds(300)
        let start = ContinuousClock.now
        guard case .timedOut = try await failure(request) else {
            Issue.record("connected")
            return
        }
        #expect((.milliseconds(290)..<(.seconds(60))).contains(.now - start))
    }

    // MARK: - Readers

    @Test(arguments: ["/silent", "/falls-silent", "/endless"])
    func aCancelledTaskEndsItsTransferAtOnce(path: String) async throws {
        let server = try Server()
        let request = server.request(path)
        let task = Task {
            try await request.withResponse { response in
                while try await response.next() != nil {}
            }
        }
        #expect(try await server.has(1, "asked"))
        try await Task.sleep(for: .milliseconds(100))
        let start = ContinuousClock.now
        task.cancel()
        await #expect(throws: HTTPError.cancelled) { try await task.value }
        #expect(ContinuousClock.now - start < .seconds(60))
        #expect(try await server.has(1, "closed"))
        // A task that is already cancelled sends no request.
        let late = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await request.answer(upTo: 10)
        }
        await #expect(throws: HTTPError.cancelled) { try await late.value }
        #expect(try await server.count("asked") == 1)
    }

    @Test func unreadDataIsNotFetched() async throws {
        let server = try Server(socket: scratch.path("socket"))
        let count = 64 << 20
        try await server.request("/chunks/\(count >> 16)").withResponse { response in
            var read = try #require(try await response.next()).count
            try await Task.sleep(for: .milliseconds(500))
            // The kernel's and the client's buffers; the server waits with the rest.
            let sent = try await server.count("sent")
            #expect(sent < 2 << 20, "\(sent)")
            var most = 0
            while let part = try await response.next() {
                read += part.count
                most = max(most, part.count)
            }
            #expect(read == count && most <= Transfer.bufferLimit + 16_384, "\(read) \(most)")
        }
        // A reader that stops early discards the rest.
        try await server.request("/endless").withResponse { #expect($0.status == 200) }
        #expect(try await server.has(1, "closed"))
    }

    @Test func aPausedTransferDoesNotCountAsSilent() async throws {
        let server = try Server(socket: scratch.path("socket"))
        var request = server.request("/chunks/64")
        request.idleTimeout = .seconds(1)
        try await request.withResponse { response in
            try await Task.sleep(for: .seconds(2))
            #expect(try await response.collect(upTo: 4 << 20).count == 4 << 20)
        }
    }

    @Test func manyTransfersShareAThread() async throws {
        let server = try Server()
        let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<50 {
                let request = server.request(number % 5 == 0 ? "/slow/5" : "/bytes/\(number)")
                group.addTask { try await request.answer(upTo: 100).body.count }
            }
            var sum = 0
            for try await count in group { sum += count }
            #expect(sum == (0..<50).reduce(0) { $0 + ($1 % 5 == 0 ? 5 : $1) })
        }
        let now = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
        #expect(now < threads + 20)
    }
}
