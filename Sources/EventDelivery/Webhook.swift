internal import Logging
internal import Digests
internal import FoundationEssentials
internal import HTTPClient
internal import SystemSupport
internal import Synchronization
internal import Timestamps

/// Sends events to an HTTP server in batches. Each batch is written to disk first and deleted when
/// the server has acknowledged it: a server may receive a batch twice, but always receives it.
struct Webhook: SinkDriver {
    /// A batch that is being sent.
    private struct Flight {
        let request: HTTPRequest
        /// The number of spool entries in the batch.
        let entries: Int
        let events: Int
        let answer = Answer()
        /// The task that sends it; nil: not started yet.
        var task: Task<Void, Never>?
    }

    /// The server's response, once there is one.
    private final class Answer: Sendable {
        enum Outcome: Sendable {
            case status(Int)
            case failure(String)
        }

        private let outcome = Mutex<Outcome?>(nil)

        var now: Outcome? { outcome.withLock { $0 } }

        func set(_ outcome: Outcome) { self.outcome.withLock { $0 = outcome } }
    }

    /// The most bytes of a batch; many servers accept no more than a megabyte.
    private static let batchBytes = 512 << 10
    private static let batchEvents = 500

    private let options: WebhookOptions
    private let name: String
    private let logger: Logger
    private var key: [UInt8]?
    private var spool: Spool
    private var isLoaded = false
    private var flight: Flight?
    private let executor = SinkExecutor("webhook")
    /// The number of entries of the batch that failed: the next attempt consists of the same ones.
    private var failed: Int?
    private var pause = Backoff()

    /// - Parameter directory: the directory of the spool.
    /// - Throws: if URL, secret or spool cannot be used.
    init(
        _ options: WebhookOptions, directory: String,
        logger: Logger
    ) throws(DeliveryError) {
        name = Self.name(options)
        guard options.isUsable else {
            throw DeliveryError(
                sink: "webhook",
                reason: "'url' must be https://HOST/PATH or http://…, without user and password")
        }
        self.options = options
        self.logger = logger
        key = try Self.key(options)
        spool = try Spool(directory: directory, limit: options.spoolBytes)
    }

    private mutating func load(_ statistics: SinkStatistics) {
        guard !isLoaded else { return }
        isLoaded = true
        spool.load()
        let found = UInt64(spool.count)
        statistics.change { $0.given += found }
    }

    /// Scheme, host and port only, since the path of a webhook is often a secret.
    static func name(_ options: WebhookOptions) -> String {
        let url = URL(string: options.url)
        let port = url?.port.map { ":\($0)" } ?? ""
        return "webhook \(url?.scheme ?? "https")://\(url?.host ?? "?")\(port)"
    }

    static func key(_ options: WebhookOptions) throws(DeliveryError) -> [UInt8]? {
        guard let path = options.secretFile else { return nil }
        let secret: [UInt8]
        do throws(SecretFault) { secret = try Files.readSecretLine(path) } catch {
            throw DeliveryError(sink: path, reason: "the webhook's secret: \(error)")
        }
        guard !secret.isEmpty else {
            throw DeliveryError(sink: path, reason: "is empty; it should hold the webhook's secret")
        }
        return secret
    }

    /// Reads the secret again.
    mutating func reopen() throws(DeliveryError) { key = try Self.key(options) }

    mutating func deliver(
        _ events: ArraySlice<QueuedEvent>, _ statistics: SinkStatistics
    ) -> Delivery {
        load(statistics)
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
                if dropped > 0, statistics.now.dropped == 0 {
                    logger.warning("\(name): the spool is full; the oldest events are dropped")
                }
                statistics.change { $0.dropped += UInt64(dropped) }
            } catch {
                delivery.trouble = "\(error)"
                break
            }
            delivery.settled += lines.count
        }
        enter(statistics)
        return delivery
    }

    mutating func attend(_ statistics: SinkStatistics, wake: @escaping @Sendable () -> Void) {
        load(statistics)
        settle(statistics)
        if flight == nil, pause.isOver {
            while flight == nil, !spool.entries.isEmpty { flight = batch(statistics) }
            send(wake)
        }
        enter(statistics)
    }

    mutating func finish(_ statistics: SinkStatistics) {
        // A batch that is being sent may still arrive; otherwise it stays on disk.
        for _ in 0..<20 where flight?.task != nil && flight?.answer.now == nil {
            rest(.milliseconds(50))
        }
        settle(statistics)
        enter(statistics)
        flight?.task?.cancel()
    }

    private func enter(_ statistics: SinkStatistics) {
        let oldest = spool.entries.first?.time
        statistics.change { $0.oldestSpooled = oldest }
    }

    /// A batch of the oldest entries; nil if the first one cannot be read, which is dropped.
    private mutating func batch(_ statistics: SinkStatistics) -> Flight? {
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
            logger.warning(
                "\(name): \(lost.name) in the spool cannot be read; \(lost.count) events lost")
            statistics.change { $0.dropped += UInt64(lost.count) }
            spool.removeEntry(at: 0)
            failed = nil
            return nil
        }
        let body = Array("[\(lines.joined(separator: ","))]".utf8)
        let timeout = Duration.seconds(options.timeoutSeconds)
        // Foundation escapes characters that libcurl would reject.
        let url = URL(string: options.url)?.absoluteString ?? options.url
        var request = HTTPRequest(url: url)
        request.connectTimeout = timeout
        request.timeout = timeout
        request.body = body
        request.headers = [
            ("Content-Type", "application/json"), ("User-Agent", "lazaret"),
            // The same for each attempt of a batch and different for other batches, so that a
            // server can recognize duplicates.
            ("X-Lazaret-Delivery", "\(spool.entries[0].time)-\(lines.count)"),
        ]
        if let key {
            let text = HMACSHA256.code(for: body.span, key: key).hexadecimal
            request.headers.append(("X-Lazaret-Signature", "sha256=" + text))
        }
        return Flight(request: request, entries: entries, events: lines.count)
    }

    private mutating func send(_ wake: @escaping @Sendable () -> Void) {
        guard let flight else { return }
        let (request, answer) = (flight.request, flight.answer)
        self.flight?.task = Task.detached(executorPreference: executor) {
            do {
                answer.set(.status(try await Self.status(request)))
            } catch {
                answer.set(.failure("no answer: \(error)"))
            }
            wake()
        }
    }

    /// Sends the batch and returns the response's status; at most 64 KiB of the body are read.
    private static func status(_ request: HTTPRequest) async throws -> Int {
        try await request.withResponse { response in
            // A connection can be reused only after its response was read to the end.
            var rest = 64 << 10
            while rest > 0, let part = try await response.next() { rest -= part.count }
            return response.status
        }
    }

    /// Processes the response to the current batch, if there is one.
    private mutating func settle(_ statistics: SinkStatistics) {
        guard let flight, let outcome = flight.answer.now else { return }
        let trouble: String
        switch outcome {
        case .status(200..<300):
            done(flight, statistics)
            let events = UInt64(flight.events)
            statistics.change { $0.written += events }
            if pause.isFailing { logger.notice("\(name): delivers again") }
            pause = Backoff()
            return
        case .status(let code) where [400, 413, 422].contains(code):
            // Another attempt would be rejected too, and would delay all later events.
            logger.warning("\(name): answers \(code); \(flight.events) events are dropped")
            done(flight, statistics)
            let events = UInt64(flight.events)
            statistics.change { $0.dropped += events }
            return
        case .status(let code): trouble = "answers \(code)"
        case .failure(let reason): trouble = reason
        }
        if !pause.isFailing { logger.error("\(name): \(trouble); events wait in the spool") }
        pause.fail()
        statistics.change { $0.trouble = trouble }
        // The next attempt is signed again, since the secret may have changed.
        failed = flight.entries
        self.flight = nil
    }

    private mutating func done(_ flight: Flight, _ statistics: SinkStatistics) {
        spool.removeFirst(flight.entries)
        statistics.change { $0.trouble = nil }
        failed = nil
        self.flight = nil
    }
}
