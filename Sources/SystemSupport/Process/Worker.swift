internal import Synchronization
package import Timestamps

/// A thread with a mailbox of its own: whoever submits items never waits for the work on them.
///
/// The mailbox is bounded: when it is full, further items are refused and counted. A burst of items
/// wakes the thread once, and the thread takes all there are.
package final class Worker<Item: Sendable>: Sendable {
    /// What the thread gets to work on.
    package struct Batch: Sendable {
        /// In the order in which they were submitted; empty where the time came first.
        package let items: [Item]
        /// Whether the worker was asked to stop: there will be no further batch.
        package let isLast: Bool
    }

    private struct Mailbox {
        var items: [Item] = []
        /// Items of the batch at hand.
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
    ///   - capacity: items that may wait; those of the batch at hand do not count.
    ///   - wakesAtOnce: whether an item wakes the thread; otherwise it waits for the period's end.
    package init(capacity: Int, wakesAtOnce: Bool = true) {
        self.capacity = capacity
        self.wakesAtOnce = wakesAtOnce
    }

    /// Starts the thread; to be called once.
    ///
    /// - Parameters:
    ///   - state: becomes the thread's own.
    ///   - period: `work` is called this long after its last call, at the latest.
    ///   - work: works on a batch; may block.
    package func start<State>(
        with state: sending State, period: Interval,
        _ work: @escaping @Sendable (inout State, Batch) -> Void
    ) {
        // A closure that is sent may not give away what it holds, so the state is taken out here.
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

    /// Puts an item into the mailbox.
    ///
    /// - Returns: false where it is refused: the mailbox is full, or the worker is stopping.
    @discardableResult
    package func submit(_ item: Item) -> Bool {
        let (isTaken, isFirst) = mailbox.withLock { mailbox in
            guard mailbox.items.count < capacity, !mailbox.isStopping else {
                mailbox.refused &+= 1
                return (false, false)
            }
            mailbox.items.append(item)
            return (true, mailbox.items.count == 1)
        }
        if isFirst, wakesAtOnce { news.raise() }
        return isTaken
    }

    /// Has the thread called now, with or without items.
    package func wake() { news.raise() }

    /// Items that were refused.
    package var refused: UInt64 { mailbox.withLock { $0.refused } }

    /// Items that wait, and those of the batch at hand.
    package var waiting: Int { mailbox.withLock { $0.items.count + $0.inHand } }

    /// Asks the thread to work on what waits and to end, and waits for that.
    ///
    /// - Returns: items that the thread had not done by `deadline`; it may still be busy then.
    @discardableResult
    package func stop(by deadline: Instant) -> Int {
        mailbox.withLock { $0.isStopping = true }
        news.raise()
        guard !ended.wait(until: deadline) else {
            // For whoever else waits.
            ended.raise()
            return 0
        }
        return waiting
    }
}
