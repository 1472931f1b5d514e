internal import Synchronization
package import Timestamps

/// A thread with a mailbox of its own; submitting an item never waits for the thread.
///
/// The mailbox is bounded: when it is full, further items are refused and counted. A burst of items
/// wakes the thread once, and the thread removes all of them.
package final class Worker<Item: Sendable>: Sendable {
    /// The items of one call of `work`.
    package struct Batch: Sendable {
        /// In order of submission; empty if the period ended first.
        package let items: [Item]
        /// Whether the worker is stopping: there will be no further batch.
        package let isLast: Bool
    }

    private struct Mailbox {
        var items: [Item] = []
        /// The number of items in the current batch.
        var inHand = 0
        var refused: UInt64 = 0
        var isStopping = false
    }

    private let capacity: Int
    private let wakesAtOnce: Bool
    private let mailbox = Mutex(Mailbox())
    private let news = Signal()
    private let ended = Signal()

    /// - Parameters:
    ///   - capacity: the most items that wait, without those of the current batch.
    ///   - wakesAtOnce: whether an item wakes the thread; otherwise it waits for the end of the
    ///     period.
    package init(capacity: Int, wakesAtOnce: Bool = true) {
        self.capacity = capacity
        self.wakesAtOnce = wakesAtOnce
    }

    /// Starts the thread; called once.
    ///
    /// - Parameters:
    ///   - state: the state that the thread owns from now on.
    ///   - period: the longest time between two calls of `work`.
    ///   - work: processes a batch; may block.
    package func start<State>(
        with state: sending State, period: Interval,
        _ work: @escaping @Sendable (inout State, Batch) -> Void
    ) {
        // A closure that is sent cannot give its captures away, so the state is taken from a mutex.
        let handover = Mutex<State?>(state)
        startThread { [self] in
            guard var state = handover.withLock({ $0.take() }) else { return }
            var isLast = false
            while !isLast {
                news.wait(until: Clock.monotonic() + period)
                let batch = take()
                isLast = batch.isLast
                work(&state, batch)
                mailbox.withLock { $0.inHand = 0 }
            }
            ended.raise()
        }
    }

    private func take() -> Batch {
        mailbox.withLock { mailbox in
            defer { mailbox.items.removeAll(keepingCapacity: true) }
            mailbox.inHand = mailbox.items.count
            return Batch(items: mailbox.items, isLast: mailbox.isStopping)
        }
    }

    /// Adds an item to the mailbox.
    ///
    /// - Parameter mustFit: whether it is taken although the mailbox is full; for the few items
    ///   that must not be lost.
    /// - Returns: false if it is refused, because the mailbox is full or the worker is stopping.
    @discardableResult
    package func submit(_ item: Item, mustFit: Bool = false) -> Bool {
        let (isTaken, isFirst) = mailbox.withLock { mailbox in
            guard mustFit || mailbox.items.count < capacity, !mailbox.isStopping else {
                mailbox.refused &+= 1
                return (false, false)
            }
            mailbox.items.append(item)
            return (true, mailbox.items.count == 1)
        }
        if isFirst, wakesAtOnce { news.raise() }
        return isTaken
    }

    /// Wakes the thread, with or without items.
    package func wake() { news.raise() }

    /// The number of refused items.
    package var refused: UInt64 { mailbox.withLock { $0.refused } }

    /// The number of waiting items, including those of the current batch.
    package var waiting: Int { mailbox.withLock { $0.items.count + $0.inHand } }

    /// Signals the thread to process the waiting items and to end, and waits for it.
    ///
    /// - Returns: the number of items that were not done by `deadline`; the thread may still be
    ///   busy then.
    @discardableResult
    package func stop(by deadline: Instant) -> Int {
        mailbox.withLock { $0.isStopping = true }
        news.raise()
        guard !ended.wait(until: deadline) else {
            // Wakes other callers that wait.
            ended.raise()
            return 0
        }
        return waiting
    }
}
