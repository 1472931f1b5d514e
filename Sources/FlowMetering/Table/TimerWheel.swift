internal import Timestamps

/// The times at which flows must be checked: a wheel of buckets, each a list linked through the
/// slots.
///
/// A flow stays in its bucket while packets arrive; when the bucket is due, a flow whose deadline
/// has moved is inserted again. A packet therefore needs no work in the wheel, and a flow one check
/// per timeout.
struct TimerWheel {
    private var heads: [Int32]
    /// The log2 of the nanoseconds of a step.
    private let shift: Int64
    private let mask: Int64
    /// Steps up to this one have been processed.
    private(set) var step: Int64 = .min
    /// No bucket before this step contains a flow; only used to find the flow to evict.
    private(set) var earliest: Int64 = .min

    static let bucketCount = 4096

    /// Creates a wheel for deadlines at most `longest` in the future.
    init(longest: Interval) {
        heads = Array(repeating: -1, count: Self.bucketCount)
        mask = Int64(Self.bucketCount - 1)
        var shift: Int64 = 16
        while longest.nanoseconds >> shift >= Int64(Self.bucketCount / 2) { shift += 1 }
        self.shift = shift
    }

    /// Whether `time` is in a step that was not yet reached.
    @inline(__always)
    func isDue(_ time: Timestamp) -> Bool { step(of: time) > step }

    /// The step that contains `time`.
    @inline(__always)
    func step(of time: Timestamp) -> Int64 { time.nanoseconds &>> shift }

    /// Inserts a slot into the first bucket after `deadline`.
    mutating func insert(_ slot: Int32, deadline: Timestamp, in table: borrowing FlowTable) {
        if step == .min { step = step(of: deadline) &- 1 }
        let nearest = step &+ 1
        let target = min(
            max(step(of: deadline) &+ 1, nearest), step &+ Int64(Self.bucketCount) &- 1)
        let bucket = Int(target & mask)
        let head = heads[bucket]
        table[slot].next = head
        table[slot].previous = ~Int32(truncatingIfNeeded: bucket)
        if head >= 0 { table[head].previous = slot }
        heads[bucket] = slot
        earliest = min(earliest, target)
    }

    mutating func remove(_ slot: Int32, from table: borrowing FlowTable) {
        let next = table[slot].next
        let previous = table[slot].previous
        if previous < 0 { heads[Int(~previous)] = next } else { table[previous].next = next }
        if next >= 0 { table[next].previous = previous }
    }

    /// Removes all flows.
    mutating func removeAll() {
        for bucket in heads.indices { heads[bucket] = -1 }
    }

    /// Sets the clock of an empty wheel.
    mutating func start(at time: Timestamp) {
        step = step(of: time)
        earliest = step
    }

    /// Advances one step towards `time` and returns the head of its list, which the caller now
    /// owns; nil if `time` is reached. -1 is an empty list.
    mutating func advance(towards time: Timestamp) -> Int32? {
        let goal = step(of: time)
        guard step < goal else { return nil }
        // After a long gap, one full turn visits every bucket.
        if goal &- step > Int64(Self.bucketCount) { step = goal &- Int64(Self.bucketCount) }
        step &+= 1
        earliest = step
        let bucket = Int(step & mask)
        let head = heads[bucket]
        heads[bucket] = -1
        return head
    }

    /// Returns a flow of the earliest bucket that is not empty; -1 if the wheel is empty.
    mutating func earliestSlot() -> Int32 {
        earliest = max(earliest, step)
        for target in earliest..<(step &+ Int64(Self.bucketCount)) {
            let bucket = Int(target & mask)
            let head = heads[bucket]
            guard head >= 0 else { continue }
            earliest = target
            return head
        }
        return -1
    }
}
