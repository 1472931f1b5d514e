import Foundation
import HTTPServer
import Synchronization
import Testing

/// Requests that two programs could interpret differently, and requests that are too large.
struct MalformedRequestTests {
    /// Counts requests that reach a route, including a path that tests request only by smuggling.
    private final class Ledger: Sendable {
        let seen = Mutex<[String]>([])

        var routes: [Router<Void>.Route] {
            [Method.get, .post].flatMap { method in
                ["/", "/:any"].map { path in
                    Router<Void>.Route(method, path) { request, _ in
                        self.seen.withLock { $0.append("/" + request.path.joined(separator: "/")) }
                        return .text("\(request.body.count)")
                    }
                }
            }
        }
    }

    private static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

    /// In each, `smuggled` is part of the body for one reader, and a separate request for another.
    private static let ambiguous = [
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 37",
        "Content-Length: 37\r\nContent-Length: 0", "Content-Length: 0\r\nContent-Length: 37",
        "Content-Length: 37\r\nContent-Length: 37", "Content-Length: 0, 37",
        "Content-Length: +37", "Content-Length: -1", "Content-Length: 0x25",
        "Content-Length: 3 7", "Content-Length:", "Content-Length: 99999999999999999999",
        "Content-Length : 37", "Content Length: 37\r\nContent-Length: 0",
        "Transfer-Encoding: chunked", "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip, chunked", "Transfer-Encoding : chunked",
        "Transfer-Encoding: \u{0B}chunked", "Transfer-Encoding: xchunked\r\nContent-Length: 0",
        "X: 1\r\n Transfer-Encoding : chunked", "no colon", "X\u{00}: 1",
        "X: \u{01}", "Host: y",
    ]

    @Test(arguments: ambiguous)
    func anAmbiguousRequestIsRefused(fields: String) async throws {
        let ledger = Ledger()
        try await Site.serve(.unix, routes: ledger.routes) { site in
            let client = try site.connect()
            client.send("POST / HTTP/1.1\r\nHost: x\r\n\(fields)\r\n\r\n\(Self.smuggled)")
            let answer = await client.rest()
            #expect(answer.hasPrefix("HTTP/1.1 4") && client.isClosed, "\(answer)")
            #expect(ledger.seen.withLock { $0 } == [])
            let next = try await site.get("/next")
            #expect(next.hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test(arguments: [
        "0\r\n\r\n", "25\r\n\(smuggled)\r\n0\r\n\r\n", "zz\r\n\r\n", "-1\r\n", "0;a\n\n",
        "ffffffffffffffffff\r\n",
    ])
    func chunkedBodiesAreRefused(body: String) async throws {
        let ledger = Ledger()
        try await Site.serve(.unix, routes: ledger.routes) { site in
            let answer = try await site.ask(
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + body + Self.smuggled)
            #expect(answer.hasPrefix("HTTP/1.1 411 Length Required\r\n"), "\(answer)")
            #expect(answer.matches(of: /HTTP\/1/).count == 1 && answer.contains("Content-Length"))
            #expect(ledger.seen.withLock { $0 } == [])
        }
    }

    @Test(arguments: [
        ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505"),
        ("GET / HTTP/0.9\r\nHost: x\r\n\r\n", "505"), ("GET /\r\nHost: x\r\n\r\n", "400"),
        ("GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET /\u{7F} HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("\u{16}\u{03}\u{01}\r\n\r\n", nil), ("GET / a HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    ])
    func anInvalidRequestIsRefused(text: String, code: String?) async throws {
        let ledger = Ledger()
        try await Site.serve(.unix, routes: ledger.routes) { site in
            let client = try site.connect()
            client.send(text)
            let answer = await client.rest()
            #expect(answer.split(separator: " ").dropFirst().first.map(String.init) == code)
            #expect(client.isClosed && ledger.seen.withLock { $0 } == [])
        }
    }

    @Test(arguments: Entrance.allCases)
    func aBodyMayBeAsLargeAsTheLimit(entrance: Entrance) async throws {
        var limits = Limits.patient
        limits.bodyBytes = 1000
        try await Site.serve(entrance, limits: limits, routes: Ledger().routes) { site in
            func post(_ count: Int) async throws -> String {
                try await site.ask(
                    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(count)\r\n"
                        + "Connection: close\r\n\r\n" + String(repeating: "x", count: count))
            }
            for count in [0, 1, 1000] {
                let answer = try await post(count)
                #expect(answer.hasSuffix("\r\n\r\n\(count)"), "\(answer)")
            }
            for count in [1001, 100_000, 5_000_000] {
                let answer = try await post(count)
                #expect(answer.hasPrefix("HTTP/1.1 413 Content Too Large\r\n"), "\(answer)")
                #expect(answer.contains("at most 1000 bytes"))
            }
            let client = try site.connect()
            client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n")
            #expect(await client.rest().hasPrefix("HTTP/1.1 413"))
        }
    }

    @Test func aHeaderMayBeAsLargeAsTheLimit() async throws {
        let ledger = Ledger()
        try await Site.serve(.unix, routes: ledger.routes) { site in
            let head = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            for (count, code) in [(15_000, 200), (17_000, 431), (40_000, 431), (1_000_000, 431)] {
                let answer = try await site.ask(
                    head + "X: \(String(repeating: "x", count: count))\r\n\r\n")
                #expect(answer.hasPrefix("HTTP/1.1 \(code) "), "\(count): \(answer)")
            }
            for (count, code) in [(100, 200), (2000, 431), (100_000, 431)] {
                let answer = try await site.ask(
                    head + String(repeating: "X: \r\n", count: count) + "\r\n")
                #expect(answer.hasPrefix("HTTP/1.1 \(code) "), "\(count): \(answer)")
            }
            for (count, code) in [(10_000, 200), (17_000, 431), (100_000, 414)] {
                let path = "/?a=" + String(repeating: "x", count: count)
                let answer = try await site.get(path)
                #expect(answer.hasPrefix("HTTP/1.1 \(code) "), "\(count): \(answer)")
            }
            #expect(ledger.seen.withLock { $0.count } == 3)
        }
    }

    /// The library sends no answer for too many, but the connection is closed.
    @Test func aQueryMayHaveManyParametersButNotTooMany() async throws {
        var limits = Limits.patient
        limits.requestTime = .milliseconds(500)
        try await Site.serve(.unix, limits: limits, routes: Ledger().routes) { site in
            for count in [10, 100] {
                let answer = try await site.get("/?" + String(repeating: "a=1&", count: count))
                #expect(answer.hasPrefix("HTTP/1.1 200"), "\(count): \(answer)")
            }
            for count in [300, 500, 1000, 3000, 8000, 20_000] {
                let client = try site.connect()
                client.send(
                    "GET /?\(String(repeating: "&", count: count)) HTTP/1.1\r\nHost: x\r\n"
                        + "Connection: close\r\n\r\n")
                _ = await client.rest()
                #expect(client.isClosed, "\(count)")
            }
            let next = try await site.get("/next")
            #expect(next.hasPrefix("HTTP/1.1 200"))
        }
    }
}
