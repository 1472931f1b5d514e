import Foundation
import HTTPServer
import Synchronization
import Testing

/// The effect on others of clients that request too much or are too slow.
@Suite(.serialized)
struct LimitTests {
    private static let hello = Router<Void>.Route(.get, "/hello") { _, _ in .text("hello") }
    private static let echo = Router<Void>.Route(.post, "/echo") { request, _ in
        Response(type: "text/plain", body: .bytes(request.body))
    }

    @Test(arguments: Entrance.allCases)
    func hundredsOfHalfOpenConnectionsDoNotBlockOtherClients(entrance: Entrance) async throws {
        var limits = Limits.patient
        limits.connections = 16
        try await Site.serve(entrance, limits: limits, routes: [Self.hello]) { site in
            var half: [Client] = []
            for number in 0..<500 {
                let client = try site.connect()
                // Half of them send nothing.
                if number % 2 == 0 { client.send("GET /hello HTTP/1.1\r\nHo") }
                half.append(client)
                guard number % 50 == 0 else { continue }
                let answer = try await site.get("/hello")
                #expect(answer.hasSuffix("hello"), "\(number): \(answer)")
                // Replaced connections are closed as soon as the library has noticed.
                let held = site.connections
                #expect(held <= 16 + 16, "\(held)")
            }
            let isBounded = await eventually { site.connections <= 16 }
            #expect(isBounded)
            // The oldest were closed.
            #expect(await half[0].rest() == "" && half[0].isClosed)
        }
    }

    @Test func ifAllConnectionsAreBusyAFurtherOneIsRefused() async throws {
        var limits = Limits.patient
        limits.connections = 4
        let goOn = AsyncStream<Void>.makeStream()
        let begun = Count()
        let wait = Router<Void>.Route(.get, "/wait") { _, _ in
            begun.add(1)
            for await _ in goOn.stream {}
            return .text("done")
        }
        try await Site.serve(.unix, limits: limits, routes: [Self.hello, wait]) { site in
            let busy = try (0..<4).map { _ in try site.connect() }
            for client in busy { client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n") }
            let areBusy = await eventually { begun.value == 4 }
            #expect(areBusy)
            for _ in 0..<100 {
                let more = try site.connect()
                more.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(await more.rest() == "" && more.isClosed)
            }
            let held = site.connections
            #expect(held == 4)
            goOn.continuation.finish()
            for client in busy { #expect(await client.answer().hasSuffix("done")) }
            let answer = try await site.get("/hello")
            #expect(answer.hasSuffix("hello"))
        }
    }

    @Test(arguments: [
        "GET /hello HTTP/1.1\r\nHost: x\r\nX: ",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", "",
    ])
    func aClientThatSendsSlowlyIsDisconnected(begin: String) async throws {
        var limits = Limits.patient
        limits.requestTime = .milliseconds(500)
        try await Site.serve(.unix, limits: limits, routes: [Self.hello, Self.echo]) { site in
            let client = try site.connect()
            client.send(begin)
            let time = await ContinuousClock().measure {
                while await client.rest(for: 0.05) == "", !client.isClosed { client.send("x") }
            }
            #expect(client.isClosed && .milliseconds(400) < time && time < .seconds(60), "\(time)")
        }
    }

    @Test func aClientThatIsSilentBetweenRequestsIsDisconnectedLater() async throws {
        var limits = Limits.patient
        limits.requestTime = .seconds(2)
        limits.idleTime = .seconds(20)
        try await Site.serve(.unix, limits: limits, routes: [Self.hello]) { site in
            let client = try site.connect()
            for pause in [0, 5000] {
                #expect(await client.rest(for: Double(pause) / 1000) == "")
                client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(await client.answer().hasSuffix("hello"))
            }
            let time = await ContinuousClock().measure { _ = await client.rest() }
            #expect(client.isClosed && .seconds(10) < time && time < .seconds(120), "\(time)")
            // The time limit of a later request starts with its line.
            let other = try site.connect()
            other.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(await other.answer().hasSuffix("hello"))
            other.send("GET /hello HTTP/1.1\r\nHo")
            let short = await ContinuousClock().measure { _ = await other.rest() }
            #expect(other.isClosed && short < .seconds(15), "\(short)")
        }
    }

    @Test(arguments: Entrance.allCases)
    func aClientThatDoesNotReadItsAnswerIsDisconnected(entrance: Entrance) async throws {
        var limits = Limits.patient
        limits.sendTime = .seconds(2)
        let text = String(repeating: "x", count: 32 << 20)
        let large = Router<Void>.Route(.get, "/large") { _, _ in .text(text) }
        try await Site.serve(entrance, limits: limits, routes: [large]) { site in
            let client = try site.connect()
            client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            let isServed = await eventually { site.connections == 1 }
            #expect(isServed)
            let isGone = await eventually { site.connections == 0 }
            #expect(isGone)
            #expect(await client.rest().utf8.count < text.utf8.count)
        }
    }

    @Test func answersThatNobodyTakesAreBounded() async throws {
        var limits = Limits.patient
        limits.answerBytes = 12 << 20
        let text = String(repeating: "x", count: 5 << 20)
        let large = Router<Void>.Route(.get, "/large") { _, _ in .text(text) }
        try await Site.serve(.unix, limits: limits, routes: [large, Self.hello]) { site in
            let idle = try (0..<2).map { _ in try site.connect() }
            var begun: [Int] = []
            for client in idle {
                client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
                // The first bytes: from then on the answer counts.
                let start = await client.read { !$0.isEmpty }
                #expect(start.hasPrefix("HTTP/1.1 200 "))
                begun.append(start.utf8.count)
            }
            let isFull = try await eventually {
                try await site.get("/large").hasPrefix("HTTP/1.1 503")
            }
            #expect(isFull)
            let refused = try await site.get("/large")
            #expect(refused.contains("Retry-After: 10\r\n") && refused.contains("wait for their"))
            // A small answer is sent nevertheless.
            let answer = try await site.get("/hello")
            #expect(answer.hasSuffix("hello"))
            let rest = await idle[0].read { begun[0] + $0.utf8.count > text.utf8.count }
            #expect(begun[0] + rest.utf8.count > text.utf8.count)
            let isFree = try await eventually { try await site.get("/large").hasSuffix("xxx") }
            #expect(isFree)
        }
    }

    @Test func stoppingNeverWaitsForAnybody() async throws {
        var limits = Limits.patient
        limits.stopTime = .milliseconds(500)
        let never = Router<Void>.Route(.get, "/never") { _, _ in
            while true {
                try? await Task.sleep(for: .milliseconds(50))
                // Cancelled by the stop, and not by the client.
                if Task.isCancelled { throw CancellationError() }
            }
        }
        let text = String(repeating: "x", count: 32 << 20)
        let large = Router<Void>.Route(.get, "/large") { _, _ in .text(text) }
        var clients: [Client] = []
        let time = try await Site.serve(
            .unix, limits: limits, routes: [Self.hello, never, large]
        ) { site in
            let whole = ["/hello", "/never", "/large"].map {
                "GET \($0) HTTP/1.1\r\nHost: x\r\n\r\n"
            }
            let half = ["", "GET /", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"]
            for request in whole + half {
                clients.append(try site.connect())
                clients.last?.send(request)
            }
            try await Task.sleep(for: .milliseconds(200))
        }
        #expect(.milliseconds(400) < time && time < .seconds(60), "\(time)")
        for client in clients {
            _ = await client.rest()
            #expect(client.isClosed)
        }
    }

    @Test func aPendingAnswerIsSentBeforeTheServerStops() async throws {
        let begun = Count()
        let slow = Router<Void>.Route(.get, "/slow") { _, _ in
            begun.add(1)
            try await Task.sleep(for: .milliseconds(500))
            return .text("slow")
        }
        var client: Client?
        let time = try await Site.serve(.loopback, routes: [slow]) { site in
            client = try site.connect()
            client?.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            let isUnderWay = await eventually { begun.value == 1 }
            #expect(isUnderWay)
        }
        #expect(time < .seconds(60), "\(time)")
        #expect(await client?.rest().hasSuffix("\r\n\r\nslow") == true)
    }

    @Test func withoutClientsTheServerStopsAtOnce() async throws {
        let time = try await Site.serve(.unix, routes: [Self.hello]) { _ in }
        #expect(time < .seconds(60), "\(time)")
    }
}
