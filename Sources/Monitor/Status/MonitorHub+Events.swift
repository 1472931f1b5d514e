public import Events
internal import Synchronization

extension MonitorHub {
    /// An element of a follower's stream of events.
    public enum Followed: Sendable {
        /// An event and its number in the stream, one more than the last.
        case event(number: UInt64, RenderedEvent)
        /// The number of events that the follower was too slow for, up to the one numbered `last`.
        case missed(count: UInt64, last: UInt64)
    }

    /// Events as they come, until the monitor ends. A slow follower costs the monitor nothing: it
    /// misses events.
    public struct Follower: AsyncSequence, Sendable {
        public typealias Element = Followed

        fileprivate let hub: MonitorHub
        fileprivate let number: UInt64

        public struct AsyncIterator: AsyncIteratorProtocol {
            fileprivate let hub: MonitorHub
            fileprivate let key: UInt64
            /// The last event that it has received or missed.
            fileprivate var number: UInt64

            /// The next event; nil where the monitor has ended, or the task is cancelled.
            public mutating func next() async -> Followed? {
                while !Task.isCancelled {
                    switch hub.item(after: number) {
                    case .item(let item):
                        switch item {
                        case .event(let number, _): self.number = number
                        case .missed(_, let last): number = last
                        }
                        return item
                    case .none: await hub.waitForEvent(after: number, as: key)
                    case .end: return nil
                    }
                }
                return nil
            }
        }

        public func makeAsyncIterator() -> AsyncIterator {
            AsyncIterator(hub: hub, key: hub.nextFollower(), number: number)
        }
    }

    /// Events as they come, after those behind `number` that are still in the ring; nil: from now
    /// on.
    ///
    /// A number that has not been reached is from an earlier run: then the stream begins with the
    /// oldest event in the ring.
    public func follow(after number: UInt64?) -> Follower {
        let last = stream.withLock { $0.ring.last }
        return Follower(hub: self, number: number.map { $0 > last ? 0 : $0 } ?? last)
    }

    func publish(_ event: RenderedEvent) {
        let waiting = stream.withLock { stream in
            stream.ring.append(event)
            defer { stream.waiting = [:] }
            return stream.waiting
        }
        for continuation in waiting.values { continuation.resume() }
    }

    /// Ends the streams of all followers.
    func endStreams() {
        let waiting = stream.withLock { stream in
            stream.isEnded = true
            defer { stream.waiting = [:] }
            return stream.waiting
        }
        for continuation in waiting.values { continuation.resume() }
    }

    /// The ring, and the tasks that wait for its next event.
    struct Stream {
        var ring = EventRing()
        var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var followers: UInt64 = 0
        var isEnded = false
    }

    fileprivate enum Next {
        case item(Followed)
        case none
        case end
    }

    fileprivate func nextFollower() -> UInt64 {
        stream.withLock { stream in
            stream.followers += 1
            return stream.followers
        }
    }

    fileprivate func item(after number: UInt64) -> Next {
        stream.withLock { stream in
            if let item = stream.ring.item(after: number) { return .item(item) }
            return stream.isEnded ? .end : .none
        }
    }

    /// Returns when there is an event after `number`, or when this task's stream has ended.
    fileprivate func waitForEvent(after number: UInt64, as key: UInt64) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Under the lock, so that neither an event nor the cancellation is missed.
                let goesOn = stream.withLock { stream in
                    if Task.isCancelled || stream.isEnded || stream.ring.last > number {
                        return true
                    }
                    stream.waiting[key] = continuation
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            stream.withLock { $0.waiting.removeValue(forKey: key) }?.resume()
        }
    }
}
