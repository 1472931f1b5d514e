internal import Events
internal import Logging
internal import SystemSupport
internal import Timestamps

/// Sends messages to people: to a chat, or by mail.
struct NoticeSink: SinkDriver {
    private let entry: NotifyEntry
    private let sender: NotifySender
    private let logger: Logger
    private var collector: NoticeCollector
    private var flight: (notice: Notice, flight: NotifyFlight)?
    private var pause = Backoff()
    private var count = 0
    private let seed = UInt64.random(in: .min ... .max)

    init(_ entry: NotifyEntry, logger: Logger) {
        self.entry = entry
        self.logger = logger
        sender = NotifySender(entry)
        collector = NoticeCollector(entry, node: HostName.text)
    }

    mutating func deliver(
        _ events: ArraySlice<QueuedEvent>, _ statistics: SinkStatistics
    ) -> Delivery {
        let now = Clock.monotonic()
        var needless: UInt64 = 0
        for event in events {
            let waits = EventBrief(event.event).map { collector.take($0, now: now) } ?? false
            if !waits { needless += 1 }
        }
        let done = needless
        statistics.change { $0.written += done }
        return Delivery(settled: events.count)
    }

    mutating func attend(_ statistics: SinkStatistics, wake: @escaping @Sendable () -> Void) {
        settle(statistics)
        let now = Clock.monotonic()
        guard flight == nil, pause.isOver, collector.isDue(now) else { return }
        send(wake)
    }

    private mutating func send(_ wake: @escaping @Sendable () -> Void) {
        let notice = collector.notice()
        count += 1
        let payload = Self.payload(notice, entry, identifier: "\(seed).\(count)")
        flight = (notice, sender.start(payload, wake: wake))
    }

    static func payload(
        _ notice: Notice, _ entry: NotifyEntry, identifier: String
    ) -> NotifySender.Payload {
        guard entry.kind == .email else { return .json(ChatMessage.json(notice, for: entry.kind)) }
        let mail = MailText(
            from: entry.from ?? "", recipients: entry.recipients, node: notice.node,
            time: Clock.now(), identifier: identifier)
        return .mail(mail.message(notice), recipients: entry.recipients)
    }

    private mutating func settle(_ statistics: SinkStatistics) {
        guard let (notice, sent) = flight, let outcome = sent.outcome else { return }
        flight = nil
        let now = Clock.monotonic()
        let events = UInt64(notice.events)
        switch outcome {
        case .sent:
            collector.sent(notice, now: now)
            statistics.change {
                $0.written += events
                $0.trouble = nil
            }
            if pause.isFailing { logger.notice("\(entry.title): delivers again") }
            pause = Backoff()
        case .refused(let reason):
            // Another attempt would be refused too, and would delay all later messages.
            logger.error("\(entry.title): \(reason); a message about \(events) events is dropped")
            collector.refused(notice, now: now)
            statistics.change {
                $0.dropped += events
                $0.trouble = reason
            }
        case .failed(let reason):
            if !pause.isFailing {
                logger.error("\(entry.title): \(reason); what happens meanwhile is sent later")
            }
            pause.fail()
            collector.takeBack(notice, now: now)
            statistics.change { $0.trouble = reason }
        }
    }

    mutating func finish(_ statistics: SinkStatistics) {
        settle(statistics)
        // What has just happened is sent without waiting for more of it.
        if flight == nil, !pause.isFailing, !collector.isEmpty { send {} }
        for _ in 0..<40 where flight != nil && flight?.flight.outcome == nil {
            rest(.milliseconds(50))
        }
        settle(statistics)
        var left = collector.isEmpty ? 0 : collector.notice().events
        if let flight {
            left += flight.notice.events
            flight.flight.task.cancel()
        }
        guard left > 0 else { return }
        let events = left
        statistics.change { $0.dropped += UInt64(events) }
        logger.warning("\(entry.title): a message about \(events) events is not sent")
    }
}
