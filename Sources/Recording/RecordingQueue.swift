internal import Synchronization
internal import SystemSupport
internal import Workloads
internal import Timestamps

/// The queue between the packet thread and the thread that writes the recording.
final class RecordingQueue: Sendable {
    enum Item {
        /// Whole blocks, which need the first `interfaces` descriptions before them.
        case packets([UInt8], count: UInt64, interfaces: Int, at: Instant)
        case names(WorkloadChange)
        case note(String)
        case reopen
        case stop
    }

    private struct State {
        var free: [[UInt8]]
        var items: [Item] = []
        var descriptions: [[UInt8]] = []
    }

    /// The number of items from which new ones are merged into earlier ones if possible.
    private static let itemLimit = 256
    /// The number of items from which no note is added: the disk has hung for long.
    private static let noteLimit = 4096

    private let state: Mutex<State>
    private let news = Signal()
    private let lostCount = Atomic<UInt64>(0)

    init(chunks: Int, size: Int) {
        let free = (0..<chunks).map { _ in
            var bytes: [UInt8] = []
            // A chunk exceeds its size by one large frame at most.
            bytes.reserveCapacity(size + 300_000)
            return bytes
        }
        state = Mutex(State(free: free))
    }

    var lost: UInt64 { lostCount.load(ordering: .relaxed) }

    func noteLost(_ count: UInt64) { lostCount.wrappingAdd(count, ordering: .relaxed) }

    /// An empty chunk; nil if all of them wait for the disk.
    func takeFree() -> [UInt8]? { state.withLock { $0.free.popLast() } }

    func giveBack(_ bytes: consuming [UInt8]) {
        var bytes = bytes
        bytes.removeAll(keepingCapacity: true)
        let emptied = bytes
        state.withLock { $0.free.append(emptied) }
    }

    func describe(_ block: [UInt8]) { state.withLock { $0.descriptions.append(block) } }

    /// The interface descriptions of a range of numbers.
    func descriptions(_ range: Range<Int>) -> ArraySlice<[UInt8]> {
        state.withLock { $0.descriptions[range.clamped(to: $0.descriptions.indices)] }
    }

    /// Adds an item. The chunks bound the number of packets. Once `itemLimit` items wait, names are
    /// merged into the names that wait after the last packets, and repeated requests to reopen
    /// become one.
    func add(_ item: Item) {
        state.withLock { state in
            if state.items.count < Self.itemLimit || !Self.merge(item, into: &state.items) {
                state.items.append(item)
            }
        }
        news.raise()
    }

    /// - Returns: false if the item must be added.
    private static func merge(_ item: Item, into items: inout [Item]) -> Bool {
        switch item {
        case .packets, .stop: return false
        case .reopen:
            if case .reopen = items.last { return true }
            return false
        case .note: return items.count >= noteLimit
        case .names(let later):
            for place in items.indices.reversed() {
                if case .packets = items[place] { return false }
                guard case .names(var waiting) = items[place] else { continue }
                waiting.merge(later)
                items[place] = .names(waiting)
                return true
            }
            return false
        }
    }

    /// Waits for items, and removes all of them.
    func take(within interval: Interval) -> (items: [Item], free: Int) {
        news.wait(until: Clock.monotonic() + interval)
        return state.withLock { state in
            defer { state.items.removeAll(keepingCapacity: true) }
            return (state.items, state.free.count)
        }
    }
}

extension WorkloadChange {
    /// Merges a later change into this one.
    fileprivate mutating func merge(_ later: WorkloadChange) {
        for (address, holder) in later.holders {
            holders[address] = .some(holder)
            times[address] = later.times[address]
        }
        networks = later.networks ?? networks
        bridges = later.bridges ?? bridges
    }
}
