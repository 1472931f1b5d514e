internal import Synchronization
internal import SystemSupport
internal import Workloads
internal import Timestamps

/// What waits between the packet thread and the file's.
final class RecordingQueue: Sendable {
    enum Item {
        /// Whole blocks, which need the first `interfaces` descriptions before them.
        case packets([UInt8], count: UInt64, interfaces: Int, at: Instant)
        case names(WorkloadChange)
        case reopen
        case stop
    }

    private struct State {
        var free: [[UInt8]]
        var items: [Item] = []
        var descriptions: [[UInt8]] = []
    }

    /// From here on, what can be joined is.
    private static let itemLimit = 256

    private let state: Mutex<State>
    private let news = Signal()
    private let lostCount = Atomic<UInt64>(0)

    init(chunks: Int, size: Int) {
        let free = (0..<chunks).map { _ in
            var bytes: [UInt8] = []
            // A chunk may be outgrown by one large frame at most.
            bytes.reserveCapacity(size + 300_000)
            return bytes
        }
        state = Mutex(State(free: free))
    }

    var lost: UInt64 { lostCount.load(ordering: .relaxed) }

    func noteLost(_ count: UInt64) { lostCount.wrappingAdd(count, ordering: .relaxed) }

    /// An empty chunk; nil where all of them wait for the disk.
    func takeFree() -> [UInt8]? { state.withLock { $0.free.popLast() } }

    func giveBack(_ bytes: consuming [UInt8]) {
        var bytes = bytes
        bytes.removeAll(keepingCapacity: true)
        let emptied = bytes
        state.withLock { $0.free.append(emptied) }
    }

    func describe(_ block: [UInt8]) { state.withLock { $0.descriptions.append(block) } }

    /// The descriptions from one number up to another.
    func descriptions(_ range: Range<Int>) -> ArraySlice<[UInt8]> {
        state.withLock { $0.descriptions[range.clamped(to: $0.descriptions.indices)] }
    }

    /// Adds an item. Packets are bounded by their chunks; where `itemLimit` items wait, names join
    /// those that wait last, and a second request to reopen is the first.
    func add(_ item: Item) {
        state.withLock { state in
            if state.items.count >= Self.itemLimit {
                switch (state.items.last, item) {
                case (.names(var waiting), .names(let later)):
                    waiting.merge(later)
                    state.items[state.items.count - 1] = .names(waiting)
                    return
                case (.reopen, .reopen): return
                default: break
                }
            }
            state.items.append(item)
        }
        news.raise()
    }

    /// Waits for items, and takes all there are.
    func take(within interval: Interval) -> (items: [Item], free: Int) {
        news.wait(until: Clock.monotonic() + interval)
        return state.withLock { state in
            defer { state.items.removeAll(keepingCapacity: true) }
            return (state.items, state.free.count)
        }
    }
}

extension WorkloadChange {
    /// Goes on with what is known later.
    fileprivate mutating func merge(_ later: WorkloadChange) {
        for (address, holder) in later.holders {
            holders[address] = .some(holder)
            times[address] = later.times[address]
        }
        networks = later.networks ?? networks
        bridges = later.bridges ?? bridges
    }
}
