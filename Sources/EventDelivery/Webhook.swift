internal import AsyncHTTPClient
internal import Crypto
internal import Foundation
internal import NIOCore
internal import NIOHTTP1
internal import Synchronization
internal import SystemSupport

/// Events to an HTTP server, in batches: each goes to disk first and leaves it when the server has said
/// that it has it. A server may be given a batch twice, never none.
struct Webhook: SinkDriver {
    /// A batch under way.
    private struct Flight {
        let request: HTTPClient.Request
        /// Entries of the spool that it consists of.
        let entries: Int
        let events: Int
        var answer: Answer?
    }

    /// What the server said, as soon as it did.
    private final class Answer: Sendable {
        enum Outcome: Sendable {
            case status(Int)
            case failure(String)
        }

        private let outcome = Mutex<Outcome?>(nil)

        var now: Outcome? { outcome.withLock { $0 } }

        func set(_ outcome: Outcome) { self.outcome.withLock { $0 = outcome } }
    }

    /// Bytes of a batch; servers often take no more than a megabyte.
    private static let batchBytes = 512 << 10
    private static let batchEvents = 500

    private let options: WebhookOptions
    private let name: String
    private let complain: @Sendable (String) -> Void
    private var key: SymmetricKey?
    private var spool: Spool
    private var isLoaded = false
    /// Made by the thread that uses it, and shut down by it.
    private var client: HTTPClient?
    private var flight: Flight?
    /// Entries of the batch that failed: the next try is made of the same ones.
    private var failed: Int?
    private var pause = Backoff()

    /// - Parameter directory: of the spool.
    /// - Throws: where URL, secret or spool cannot be used.
    init(
        _ options: WebhookOptions, directory: String,
        complain: @escaping @Sendable (String) -> Void
    ) throws(DeliveryError) {
        name = Self.name(options)
        guard options.isUsable, (try? HTTPClient.Request(url: options.url)) != nil else {
            throw DeliveryError(
                sink: "webhook",
                reason: "'url' must be https://HOST/PATH or http://…, without user and password")
        }
        self.options = options
        self.complain = complain
        key = try Self.key(options)
        spool = try Spool(directory: directory, limit: options.spoolBytes)
    }

    private mutating func prepare(_ account: SinkAccount) -> HTTPClient {
        if !isLoaded {
            spool.load()
            let found = UInt64(spool.count)
            account.change { $0.given += found }
        }
        isLoaded = true
        if let client { return client }
        let limit = TimeAmount.seconds(Int64(options.timeoutSeconds))
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: limit, read: limit))
        configuration.httpVersion = .http1Only
        let made = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        client = made
        return made
    }

    /// Scheme, host and port only: paths of such addresses often are secrets.
    static func name(_ options: WebhookOptions) -> String {
        let url = URL(string: options.url)
        let port = url?.port.map { ":\($0)" } ?? ""
        return "webhook \(url?.scheme ?? "https")://\(url?.host ?? "?")\(port)"
    }

    static func key(_ options: WebhookOptions) throws(DeliveryError) -> SymmetricKey? {
        guard let path = options.secretFile else { return nil }
        let data: Data
        do { data = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
            throw DeliveryError(sink: path, reason: "the webhook's secret cannot be read")
        }
        let secret = data.reversed().drop { $0 == 10 || $0 == 13 }.reversed()
        guard !secret.isEmpty else {
            throw DeliveryError(sink: path, reason: "is empty; it should hold the webhook's secret")
        }
        return SymmetricKey(data: Data(secret))
    }

    /// Reads the secret anew.
    mutating func reopen() throws(DeliveryError) { key = try Self.key(options) }

    mutating func deliver(
        _ events: ArraySlice<OutgoingEvent>, _ account: SinkAccount
    ) -> Delivery {
        _ = prepare(account)
        var delivery = Delivery()
        var rest = events
        while !rest.isEmpty {
            var lines: [String] = []
            var bytes = 0
            while let event = rest.first, lines.count < Self.batchEvents,
                lines.isEmpty || bytes + event.line.utf8.count < Self.batchBytes
            {
                lines.append(event.line)
                bytes += event.line.utf8.count + 1
                rest.removeFirst()
            }
            do throws(DeliveryError) {
                let dropped = try spool.append(
                    lines, now: events.first?.handedOver ?? Clock.now(),
                    keeping: flight?.entries ?? failed ?? 0)
                if dropped > 0, account.now.dropped == 0 {
                    complain("\(name): the spool is full; the oldest events are dropped")
                }
                account.change { $0.dropped += UInt64(dropped) }
            } catch {
                delivery.trouble = "\(error)"
                break
            }
            delivery.settled += lines.count
        }
        enter(account)
        return delivery
    }

    mutating func attend(_ account: SinkAccount, wake: @escaping @Sendable () -> Void) {
        let client = prepare(account)
        settle(account)
        if flight == nil, pause.isOver {
            while flight == nil, !spool.entries.isEmpty { flight = batch(account) }
            send(by: client, wake)
        }
        enter(account)
    }

    mutating func finish(_ account: SinkAccount) {
        // What is under way may arrive yet; what does not stays on disk.
        for _ in 0..<20 where flight?.answer != nil && flight?.answer?.now == nil {
            Thread.sleep(forTimeInterval: 0.05)
        }
        settle(account)
        enter(account)
        try? client?.syncShutdown()
    }

    private func enter(_ account: SinkAccount) {
        let oldest = spool.entries.first?.time
        account.change { $0.oldestSpooled = oldest }
    }

    /// The oldest entries, as many as a batch holds; nil where the first cannot be read, which is dropped.
    private mutating func batch(_ account: SinkAccount) -> Flight? {
        var lines: [String] = []
        var bytes = 0
        var entries = 0
        for entry in spool.entries.prefix(failed ?? .max) {
            guard entries == 0 || lines.count + entry.count <= Self.batchEvents else { break }
            guard let more = spool.lines(of: entry) else { break }
            let size = more.reduce(0) { $0 + $1.utf8.count + 1 }
            guard entries == 0 || bytes + size <= Self.batchBytes else { break }
            lines += more
            bytes += size
            entries += 1
        }
        guard entries > 0 else {
            let lost = spool.entries[0]
            complain("\(name): \(lost.name) in the spool cannot be read; \(lost.count) events lost")
            account.change { $0.dropped += UInt64(lost.count) }
            spool.removeEntry(at: 0)
            failed = nil
            return nil
        }
        let body = Array("[\(lines.joined(separator: ","))]".utf8)
        guard var request = try? HTTPClient.Request(url: options.url, method: .POST) else {
            return nil
        }
        request.body = .bytes(body)
        request.headers.add(name: "Content-Type", value: "application/json")
        request.headers.add(name: "User-Agent", value: "lazaret")
        // The same for each try of a batch, and for no other, so that a server can tell.
        request.headers.add(
            name: "X-Lazaret-Delivery", value: "\(spool.entries[0].time)-\(lines.count)")
        if let key {
            let code = HMAC<SHA256>.authenticationCode(for: body, using: key)
            let text = code.map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined()
            request.headers.add(name: "X-Lazaret-Signature", value: "sha256=" + text)
        }
        return Flight(request: request, entries: entries, events: lines.count)
    }

    private mutating func send(by client: HTTPClient, _ wake: @escaping @Sendable () -> Void) {
        guard let request = flight?.request else { return }
        let answer = Answer()
        flight?.answer = answer
        client.execute(
            request: request, delegate: StatusOnly(),
            deadline: .now() + .seconds(Int64(options.timeoutSeconds))
        ).futureResult.whenComplete { result in
            switch result {
            case .success(let status): answer.set(.status(status))
            case .failure(let error as HTTPClientError):
                answer.set(.failure("no answer: \(error.shortDescription)"))
            case .failure(let error): answer.set(.failure("no answer: \(error)"))
            }
            wake()
        }
    }

    /// Takes the answer to the batch that is under way, if there is one.
    private mutating func settle(_ account: SinkAccount) {
        guard let flight, let outcome = flight.answer?.now else { return }
        let trouble: String
        switch outcome {
        case .status(200..<300):
            done(flight, account)
            let events = UInt64(flight.events)
            account.change { $0.written += events }
            if pause.isFailing { complain("\(name): delivers again") }
            pause = Backoff()
            return
        case .status(let code) where [400, 413, 422].contains(code):
            // The same again would be refused again, and hold up all that follows.
            complain("\(name): answers \(code); \(flight.events) events are dropped")
            done(flight, account)
            let events = UInt64(flight.events)
            account.change { $0.dropped += events }
            return
        case .status(let code): trouble = "answers \(code)"
        case .failure(let reason): trouble = reason
        }
        if !pause.isFailing { complain("\(name): \(trouble); events wait in the spool") }
        pause.fail()
        account.change { $0.trouble = trouble }
        // Signed anew next time: the secret may have changed.
        failed = flight.entries
        self.flight = nil
    }

    private mutating func done(_ flight: Flight, _ account: SinkAccount) {
        spool.removeFirst(flight.entries)
        account.change { $0.trouble = nil }
        failed = nil
        self.flight = nil
    }
}

/// The status of an answer; its body is of no interest, and may be as long as it likes.
private final class StatusOnly: HTTPClientResponseDelegate {
    private let status = Mutex(0)

    func didReceiveHead(
        task: HTTPClient.Task<Int>, _ head: HTTPResponseHead
    ) -> EventLoopFuture<Void> {
        status.withLock { $0 = Int(head.status.code) }
        return task.eventLoop.makeSucceededVoidFuture()
    }

    func didFinishRequest(task: HTTPClient.Task<Int>) throws -> Int { status.withLock { $0 } }
}
