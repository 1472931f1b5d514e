internal import Logging
internal import Dispatch
internal import Events
internal import SystemSupport
internal import Synchronization
internal import Timestamps

/// The result of passing events to a driver.
struct Delivery {
    /// The number of events from the front that are done: written, stored elsewhere or dropped.
    var settled = 0
    /// Why the others could not be delivered; they are passed again later.
    var trouble: String?
}

/// Delivers events to one sink; used by one thread, which it may block.
protocol SinkDriver: Sendable {
    /// Delivers events in order, and counts those that it has written or dropped.
    mutating func deliver(_ events: ArraySlice<QueuedEvent>, _ statistics: SinkStatistics)
        -> Delivery
    /// Performs other work; called several times a second.
    ///
    /// - Parameter wake: requests another call immediately; thread-safe.
    mutating func attend(_ statistics: SinkStatistics, wake: @escaping @Sendable () -> Void)
    /// Reopens files.
    mutating func reopen() throws(DeliveryError)
    /// The last call.
    mutating func finish(_ statistics: SinkStatistics)
}

extension SinkDriver {
    mutating func attend(_ statistics: SinkStatistics, wake: @escaping @Sendable () -> Void) {}
    mutating func reopen() throws(DeliveryError) {}
    mutating func finish(_ statistics: SinkStatistics) {}
}

/// A sink with a thread and a bounded queue of its own, so that it delays nothing else, however
/// slow it is.
final class SinkWorker: Sendable {
    private struct Queue {
        var events: [QueuedEvent] = []
        /// Events that the thread has removed from the queue and not yet settled.
        var taken = 0
        var oldestTaken = Timestamp.epoch
        var isFull = false
        var reopens = false
        var isStopping = false
        var hasEnded = false
    }

    /// The most events that wait.
    static let capacity = 8192

    let name: String
    private let kinds: Set<Event.Kind>?
    private let queue = Mutex(Queue())
    private let statistics: SinkStatistics
    private let news = Signal()
    private let ended = Signal()
    /// Left when the thread has ended; a successor waits for it.
    private let hasFinished = DispatchGroup()
    private let logger: Logger

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - kinds: the kinds of events that it accepts; nil: all.
    ///   - predecessor: it waits for its end before it delivers, since only one sink may use a
    ///     spool.
    init(
        _ name: String, kinds: Set<Event.Kind>?, _ driver: some SinkDriver,
        statistics: SinkStatistics,
        after predecessor: SinkWorker? = nil, logger: Logger
    ) {
        self.name = name
        self.kinds = kinds
        self.statistics = statistics
        self.logger = logger
        hasFinished.enter()
        startThread { [self] in
            var driver = driver
            predecessor?.hasFinished.wait()
            work(&driver)
            hasFinished.leave()
            ended.raise()
        }
    }

    /// Queues an event; never waits.
    func offer(_ event: QueuedEvent) {
        if let kinds, !kinds.contains(event.event.kind) { return }
        statistics.change { $0.given += 1 }
        let (isTaken, isNews) = queue.withLock { queue in
            guard !queue.hasEnded, queue.events.count + queue.taken < Self.capacity else {
                defer { queue.isFull = true }
                return (false, !queue.isFull)
            }
            queue.events.append(event)
            return (true, queue.events.count == 1)
        }
        guard !isTaken else {
            if isNews { news.raise() }
            return
        }
        statistics.change { $0.dropped += 1 }
        if isNews {
            logger.warning(
                "\(name): \(Self.capacity) events wait already; further ones are dropped")
        }
    }

    func reopen() {
        queue.withLock { $0.reopens = true }
        news.raise()
    }

    var status: SinkStatus {
        let oldest = queue.withLock { queue in
            queue.taken > 0 ? queue.oldestTaken : queue.events.first?.handedOver
        }
        let numbers = statistics.now
        var status = SinkStatus(name: name)
        status.written = numbers.written
        status.dropped = numbers.dropped
        status.waiting = numbers.waiting
        if let oldest = [oldest, numbers.oldestSpooled].compactMap(\.self).min() {
            status.lagSeconds = max(0, (Clock.now() - oldest).inSeconds)
        }
        status.trouble = numbers.trouble
        return status
    }

    /// Signals the thread to deliver the events that it can, and to end.
    func askToStop() {
        queue.withLock { $0.isStopping = true }
        news.raise()
    }

    /// Waits for the end that `askToStop` has requested; events that are then left in memory are
    /// dropped and counted.
    func waitForEnd(until deadline: Instant) {
        ended.wait(until: deadline)
        let left = queue.withLock { queue in
            defer { queue.events = [] }
            queue.hasEnded = true
            return queue.events.count + queue.taken
        }
        guard left > 0 else { return }
        statistics.change { $0.dropped += UInt64(min(left, $0.waiting)) }
        logger.warning("\(name): \(left) events are not delivered")
    }

    private func work(_ driver: inout some SinkDriver) {
        var hand: ArraySlice<QueuedEvent> = []
        var pause = Backoff()
        var isStopping = false
        while !isStopping {
            news.wait(until: Clock.monotonic() + .milliseconds(250))
            var reopens = false
            queue.withLock { queue in
                hand.append(contentsOf: queue.events)
                queue.events.removeAll(keepingCapacity: true)
                queue.taken = hand.count
                queue.oldestTaken = hand.first?.handedOver ?? .epoch
                isStopping = queue.isStopping
                reopens = queue.reopens
                queue.reopens = false
            }
            if !hand.isEmpty, isStopping || reopens || pause.isOver {
                deliver(&hand, by: &driver, &pause)
            }
            if reopens {
                do { try driver.reopen() } catch {
                    logger.error("\(error); what was open stays in use")
                }
            }
            driver.attend(statistics) { [news] in news.raise() }
        }
        driver.finish(statistics)
    }

    private func deliver(
        _ hand: inout ArraySlice<QueuedEvent>, by driver: inout some SinkDriver,
        _ pause: inout Backoff
    ) {
        let delivery = driver.deliver(hand, statistics)
        hand = ArraySlice(hand.dropFirst(delivery.settled))
        let left = hand
        queue.withLock { queue in
            queue.taken = left.count
            queue.oldestTaken = left.first?.handedOver ?? .epoch
            if left.isEmpty { queue.isFull = false }
        }
        if let trouble = delivery.trouble {
            if !pause.isFailing {
                let wait = left.isEmpty ? "" : "; events wait, \(Self.capacity) at most"
                logger.error("\(name): \(trouble)\(wait)")
            }
            pause.fail()
            statistics.change { $0.trouble = trouble }
        } else if pause.isFailing {
            pause = Backoff()
            statistics.change { $0.trouble = nil }
            logger.notice("\(name): delivers again; \(statistics.now.dropped) events were dropped")
        }
    }
}
