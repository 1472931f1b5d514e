internal import Events
internal import Logging
internal import SystemSupport
internal import Timestamps

/// Keeps the alerts of an Alertmanager as they should be.
struct AlertmanagerSink: SinkDriver {
    private let entry: NotifyEntry
    private let sender: NotifySender
    private let logger: Logger
    private var board = AlertBoard(node: HostName.text)
    private var flight: (batch: AlertBoard.Batch, flight: NotifyFlight)?
    private var pause = Backoff()
    private var nextLook = Clock.monotonic()

    /// Changes of so long are sent together; Alertmanager groups them again.
    private static let gathering = Interval.seconds(1)

    init(_ entry: NotifyEntry, logger: Logger) {
        self.entry = entry
        self.logger = logger
        sender = NotifySender(entry)
    }

    mutating func deliver(
        _ events: ArraySlice<QueuedEvent>, _ statistics: SinkStatistics
    ) -> Delivery {
        let now = Clock.monotonic()
        let time = Clock.now()
        var needless: UInt64 = 0
        for event in events {
            guard let brief = EventBrief(event.event), entry.includes(brief),
                board.take(brief, now: now, time: time)
            else {
                needless += 1
                continue
            }
        }
        let done = needless
        statistics.change { $0.written += done }
        return Delivery(settled: events.count)
    }

    mutating func attend(_ statistics: SinkStatistics, wake: @escaping @Sendable () -> Void) {
        settle(statistics)
        let now = Clock.monotonic()
        guard flight == nil, pause.isOver, now >= nextLook else { return }
        nextLook = now + Self.gathering
        send(wake)
    }

    private mutating func send(_ wake: @escaping @Sendable () -> Void) {
        guard let batch = board.batch(now: Clock.monotonic(), time: Clock.now()) else { return }
        flight = (batch, sender.start(.json(batch.body), wake: wake))
    }

    private mutating func settle(_ statistics: SinkStatistics) {
        guard let (batch, sent) = flight, let outcome = sent.outcome else { return }
        flight = nil
        switch outcome {
        case .sent:
            board.sent(batch, now: Clock.monotonic())
            let events = UInt64(batch.events)
            statistics.change {
                $0.written += events
                $0.trouble = nil
            }
            if pause.isFailing { logger.notice("\(entry.title): delivers again") }
            pause = Backoff()
        case .refused(let reason), .failed(let reason):
            // The alerts stay as they are, and are sent again.
            if !pause.isFailing { logger.error("\(entry.title): \(reason); alerts are sent later") }
            pause.fail()
            statistics.change { $0.trouble = reason }
        }
    }

    /// Fences stay after the monitor's end, and so do their alerts, until the end that was sent.
    mutating func finish(_ statistics: SinkStatistics) {
        for _ in 0..<40 where flight != nil && flight?.flight.outcome == nil {
            rest(.milliseconds(50))
        }
        settle(statistics)
        guard !pause.isFailing, flight == nil else { return cancel() }
        send {}
        for _ in 0..<40 where flight != nil && flight?.flight.outcome == nil {
            rest(.milliseconds(50))
        }
        settle(statistics)
        cancel()
    }

    private mutating func cancel() {
        flight?.flight.task.cancel()
        guard board.unsent > 0 else { return }
        logger.warning("\(entry.title): \(board.unsent) changes are not sent")
    }
}
