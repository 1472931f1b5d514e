internal import Synchronization
internal import Timestamps

/// The queries that an engine's events ask for, between the task that reads events and the task
/// that queries.
final class PendingQueries: Sendable {
    struct Waiting {
        /// Containers to query, each with the time since when it has its addresses.
        var containers: [String: Timestamp] = [:]
        /// Docker networks whose members to query.
        var networks: Set<String> = []
        var listsNetworks = false
        var listsAll = false
        /// Containers as their `create` events describe them, until they are queried.
        var created: [String: CreatedContainer] = [:]
        var joined: [String: Timestamp] = [:]
        /// Containers that have ended since the last query.
        var over: Set<String> = []
        var isOpen = false
    }

    let waiting = Mutex(Waiting())
    let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation

    init() {
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    var isOpen: Bool { waiting.withLock { $0.isOpen } }

    func with(_ body: (inout Waiting) -> Void) {
        waiting.withLock { body(&$0) }
        wakeUp.yield()
    }

    func close() { wakeUp.finish() }
}
