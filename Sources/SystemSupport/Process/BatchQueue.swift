internal import Synchronization
internal import Timestamps

/// A bounded queue between two threads: one puts items in, the other takes them out. Each waits for
/// the other.
///
/// A full queue is filled again when it has room for several items: to wake a thread for each would
/// cost more than many items do.
package final class BatchQueue<Item: Sendable>: Sendable {
    private struct State {
        var items: [Item] = []
        var isFinished = false
        var isCancelled = false
        /// Whether the other thread waits for room.
        var isFull = false
    }

    private let capacity: Int
    /// The most items with which a queue that was full has room again.
    private let few: Int
    private let state = Mutex(State())
    private let hasItem = Signal()
    private let hasRoom = Signal()

    /// - Parameter capacity: the number of items from which on `put` waits.
    package init(capacity: Int) {
        self.capacity = max(1, capacity)
        few = self.capacity - min(max(1, self.capacity / 2), 8)
    }

    /// Whether the thread that puts items in waits for room, for tests.
    var isAwaited: Bool { state.withLock { $0.isFull } }

    /// Adds an item; waits while the queue is full.
    ///
    /// - Returns: false if the other thread takes no more.
    @discardableResult
    package func put(_ item: Item) -> Bool {
        while true {
            let (isTaken, isFirst, isCancelled) = state.withLock { state in
                guard !state.isCancelled else { return (false, false, true) }
                guard state.items.count < capacity else {
                    state.isFull = true
                    return (false, false, false)
                }
                state.items.append(item)
                return (true, state.items.count == 1, false)
            }
            if isFirst { hasItem.raise() }
            if isTaken || isCancelled { return isTaken }
            hasRoom.wait(until: Self.later)
        }
    }

    /// Removes the oldest item; waits for one. Returns nil after the last one.
    package func take() -> Item? {
        while true {
            let (item, hasRoomAgain, isOver) = state.withLock { state -> (Item?, Bool, Bool) in
                guard !state.items.isEmpty else { return (nil, false, state.isFinished) }
                let item = state.items.removeFirst()
                let hasRoomAgain = state.isFull && state.items.count <= few
                if hasRoomAgain { state.isFull = false }
                return (item, hasRoomAgain, false)
            }
            if hasRoomAgain { hasRoom.raise() }
            if item != nil || isOver { return item }
            hasItem.wait(until: Self.later)
        }
    }

    /// Says that no further item will be put in.
    package func finish() {
        state.withLock { $0.isFinished = true }
        hasItem.raise()
    }

    /// Says that no further item will be taken.
    package func cancel() {
        state.withLock { state in
            state.isCancelled = true
            state.items = []
        }
        hasRoom.raise()
    }

    // A wait without a deadline; the state is looked at again afterwards.
    private static var later: Instant { Clock.monotonic() + .seconds(3600) }
}
