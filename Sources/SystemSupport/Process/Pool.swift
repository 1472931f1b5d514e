internal import Synchronization

/// Things that were used and whose memory is used again, from any thread.
package final class Pool<Item: Sendable>: Sendable {
    private let capacity: Int
    private let items = Mutex<[Item]>([])

    /// - Parameter capacity: the number of items that are kept; further ones are freed.
    package init(capacity: Int) { self.capacity = capacity }

    package func put(_ item: Item) {
        items.withLock { if $0.count < capacity { $0.append(item) } }
    }

    /// Removes the newest item, whose memory is in the cache; nil if there is none.
    package func take() -> Item? { items.withLock { $0.popLast() } }
}
