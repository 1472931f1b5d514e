internal import Dispatch
internal import Synchronization
internal import Workloads
internal import Timestamps

/// What waits between the packet thread and the file's.
final class RecordingQueue: Sendable {
    enum Item {
        /// Whole blocks, which need the first `interfaces` descriptions before them.
        case packets([UInt8], count: UInt64, interfaces: Int, at: Timestamp)
        case names(WorkloadChange)
        case reopen
        case stop
    }

    private struct State {
        var free: [[UInt8]]
        var items: [Item] = []
        var descriptions: [[UInt8]] = []
    }

    private let state: Mutex<State>
    private let news = DispatchSemaphore(value: 0)
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

    func add(_ item: Item) {
        state.withLock { $0.items.append(item) }
        news.signal()
    }

    /// Waits a moment for items, and takes all there are.
    func take(milliseconds: Int) -> (items: [Item], free: Int) {
        _ = news.wait(timeout: .now() + .milliseconds(milliseconds))
        return state.withLock { state in
            defer { state.items.removeAll(keepingCapacity: true) }
            return (state.items, state.free.count)
        }
    }
}
