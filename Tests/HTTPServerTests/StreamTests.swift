import Foundation
import HTTPServer
import Synchronization
import Testing

/// Streamed answers.
@Suite(.serialized)
struct StreamTests {
    /// A source that tests push events into, and that counts its followers.
    private final class Source: Sendable {
        private let followers = Mutex<[Int: AsyncStream<ServerSentEvent>.Continuation]>([:])
        private let last = Atomic<Int>(0)

        var count: Int { followers.withLock { $0.count } }

        var route: Router<Void>.Route {
            .init(.get, "/events") { request, _ in
                let number = self.last.add(1, ordering: .relaxed).newValue
                let after = request.headers["Last-Event-ID"] ?? "none"
                let events = AsyncStream<ServerSentEvent> { continuation in
                    self.followers.withLock { $0[number] = continuation }
                    continuation.onTermination = { _ in
                        self.followers.withLock { $0[number] = nil }
                    }
                    continuation.yield(ServerSentEvent(id: "0", event: "begin", data: after))
                }
                return Response(events: events, retryMilliseconds: 2000)
            }
        }

        func push(_ data: String) {
            for continuation in followers.withLock({ Array($0.values) }) {
                continuation.yield(ServerSentEvent(id: "1", event: "push", data: data))
            }
        }

        func finish() {
            for continuation in followers.withLock({ Array($0.values) }) { continuation.finish() }
        }
    }

    /// Reports when its last reference is gone.
    private final class Token: Sendable {
        private let end: @Sendable () -> Void

        init(end: @escaping @Sendable () -> Void) { self.end = end }

        deinit { end() }
    }

    private static let follow =
        "GET /events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 7\r\n\r\n"
    private static let hello = Router<Void>.Route(.get, "/hello") { _, _ in .text("hello") }

    @Test(arguments: Entrance.allCases)
    func eventsArriveWhenTheyHappenAndTheStreamEnds(entrance: Entrance) async throws {
        let source = Source()
        try await Site.serve(entrance, routes: [source.route, Self.hello]) { site in
            let client = try site.connect()
            client.send(Self.follow)
            let begin = await client.read { $0.contains("data: 7\n\n") }
            #expect(begin.contains("Content-Type: text/event-stream\r\n"), "\(begin)")
            #expect(begin.contains("Transfer-Encoding: chunked\r\n"))
            #expect(begin.contains("retry: 2000\n\n"))
            #expect(begin.contains("id: 0\nevent: begin\ndata: 7\n\n"))
            for number in 0..<20 {
                source.push("number \(number)")
                let event = await client.read { $0.contains("number \(number)\n\n") }
                #expect(event.contains("id: 1\nevent: push\ndata: number \(number)\n\n"))
            }
            source.finish()
            #expect(await client.read { $0.hasSuffix("0\r\n\r\n") } == "0\r\n\r\n")
            // The connection stays open.
            client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await client.answer().hasSuffix("hello"))
        }
    }

    @Test func aClientOfHTTP10FollowsToo() async throws {
        let source = Source()
        try await Site.serve(.unix, routes: [source.route]) { site in
            let client = try site.connect()
            client.send("GET /events HTTP/1.0\r\n\r\n")
            let begin = await client.read { $0.contains("data: none\n\n") }
            #expect(!begin.contains("chunked"), "\(begin)")
            source.push("one")
            #expect(await client.read { $0.hasSuffix("\n\n") }.hasSuffix("data: one\n\n"))
            source.finish()
            #expect(await client.rest() == "" && client.isClosed)
        }
    }

    @Test(arguments: Entrance.allCases)
    func theStreamEndsWhenTheClientDisconnects(entrance: Entrance) async throws {
        let source = Source()
        try await Site.serve(entrance, routes: [source.route]) { site in
            var clients = try (0..<5).map { _ in try site.connect() }
            for client in clients {
                client.send(Self.follow)
                _ = await client.read { $0.contains("data: 7\n\n") }
            }
            #expect(source.count == 5)
            clients.removeLast(2)
            // Nothing is sent in the meantime.
            let areGone = await eventually {
                source.count == 3 && site.connections == 3
            }
            let held = site.connections
            #expect(areGone, "\(source.count) \(held)")
            source.push("still")
            for client in clients {
                #expect(await client.read { $0.contains("\n\n") }.contains("data: still\n\n"))
            }
        }
        let isOver = await eventually { source.count == 0 }
        #expect(isOver)
    }

    @Test func aQuietStreamSendsSignsOfLife() async throws {
        var limits = Limits.patient
        limits.beatTime = .milliseconds(500)
        limits.sendTime = .milliseconds(800)
        let source = Source()
        try await Site.serve(.unix, limits: limits, routes: [source.route]) { site in
            let client = try site.connect()
            client.send(Self.follow)
            let text = await client.rest(for: 3)
            let beats = text.matches(of: /: still here\n\n/).count
            #expect(3...6 ~= beats && !client.isClosed, "\(beats)")
        }
    }

    @Test(arguments: Entrance.allCases)
    func aClientThatNeverReadsIsDisconnectedAndNeedsLittleMemory(entrance: Entrance) async throws {
        var limits = Limits.patient
        limits.sendTime = .milliseconds(700)
        let made = Count()
        let ended = Count()
        let endless = Router<Void>.Route(.get, "/endless") { _, _ in
            let token = Token { ended.add(1) }
            let events = AsyncStream<ServerSentEvent> {
                made.add(10_000)
                return withExtendedLifetime(token) {
                    ServerSentEvent(
                        id: "1", event: "e", data: String(repeating: "x", count: 10_000))
                }
            }
            return Response(events: events, retryMilliseconds: 1)
        }
        try await Site.serve(entrance, limits: limits, routes: [endless, Self.hello]) { site in
            let client = try site.connect()
            client.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            let isCutOff = await eventually { ended.value == 1 }
            #expect(isCutOff)
            // The kernel's buffers contain some of it, and ours a little.
            #expect(made.value < 16 << 20, "\(made.value)")
            let answer = try await site.get("/hello")
            #expect(answer.hasSuffix("hello"))
        }
    }

    @Test func aStreamIsAsFastAsItsReader() async throws {
        let chunk = String(repeating: "x", count: 1000)
        let many = Router<Void>.Route(.get, "/many") { _, _ in
            let events = AsyncStream<ServerSentEvent> { continuation in
                for number in 0..<5000 {
                    continuation.yield(ServerSentEvent(id: "\(number)", event: "e", data: chunk))
                }
                continuation.finish()
            }
            return Response(events: events, retryMilliseconds: 1)
        }
        try await Site.serve(.loopback, routes: [many]) { site in
            let text = try await site.ask("GET /many HTTP/1.0\r\n\r\n", for: 20)
            let numbers = text.matches(of: /id: (\d+)\n/).compactMap { Int($0.1) }
            #expect(numbers == Array(0..<5000))
        }
    }

    @Test func onlyStreamsBeyondTheLimitAreRefused() async throws {
        var limits = Limits.patient
        limits.streams = 3
        let source = Source()
        try await Site.serve(.unix, limits: limits, routes: [source.route, Self.hello]) { site in
            var clients = try (0..<3).map { _ in try site.connect() }
            for client in clients {
                client.send(Self.follow)
                _ = await client.read { $0.contains("data: 7\n\n") }
            }
            let refused = try await site.get("/events")
            #expect(refused.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"), "\(refused)")
            #expect(refused.contains("Retry-After: 10\r\n") && refused.contains("3 streams"))
            let answer = try await site.get("/hello")
            #expect(answer.hasSuffix("hello"))
            clients.removeLast()
            let isFree = await eventually { source.count == 2 }
            #expect(isFree)
            let client = try site.connect()
            client.send(Self.follow)
            #expect(await client.read { $0.contains("data: 7") }.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test(arguments: Entrance.allCases)
    func stoppingEndsStreamsCompletely(entrance: Entrance) async throws {
        let source = Source()
        var clients: [Client] = []
        let time = try await Site.serve(entrance, routes: [source.route]) { site in
            for _ in 0..<10 {
                let client = try site.connect()
                client.send(Self.follow)
                _ = await client.read { $0.contains("data: 7\n\n") }
                clients.append(client)
            }
            source.push("last")
        }
        #expect(time < .seconds(60), "\(time)")
        for client in clients {
            let rest = await client.rest()
            #expect(rest.contains("data: last\n\n") && rest.hasSuffix("\r\n0\r\n\r\n"), "\(rest)")
            #expect(client.isClosed)
        }
        #expect(source.count == 0)
    }
}
