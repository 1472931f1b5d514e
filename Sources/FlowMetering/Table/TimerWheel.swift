internal import Timestamps

/// When flows must be looked at next: a wheel of buckets, each a list through the slots themselves.
///
/// A flow stays in its bucket while packets come; when the bucket is due, a flow whose deadline has
/// moved is put where it belongs now. So a packet costs the wheel nothing, and a flow one visit a
/// timeout.
struct TimerWheel {
    private var heads: [Int32]
    /// log2 of the nanoseconds of a step.
    private let shift: Int64
    private let mask: Int64
    /// Steps up to this one are done.
    private(set) var step: Int64 = .min
    /// No bucket before this step holds a flow; only used to find the one to evict.
    private(set) var earliest: Int64 = .min

    static let bucketCount = 4096

    /// A wheel for deadlines at most `longest` away.
    init(longest: Interval) {
        heads = Array(repeating: -1, count: Self.bucketCount)
        mask = Int64(Self.bucketCount - 1)
        var shift: Int64 = 16
        while longest.nanoseconds >> shift >= Int64(Self.bucketCount / 2) { shift += 1 }
        self.shift = shift
    }

    /// Whether `time` lies in a step that was not yet reached.
    @inline(__always)
    func isDue(_ time: Timestamp) -> Bool { step(of: time) > step }

    /// The step that `time` lies in.
    @inline(__always)
    func step(of time: Timestamp) -> Int64 { time.nanoseconds &>> shift }

    /// Puts a slot into the bucket where `deadline` has passed.
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

    /// Forgets every flow.
    mutating func removeAll() {
        for bucket in heads.indices { heads[bucket] = -1 }
    }

    /// Sets the clock of an empty wheel.
    mutating func start(at time: Timestamp) {
        step = step(of: time)
        earliest = step
    }

    /// Takes the next step towards `time` and returns the head of its list, which is now the
    /// caller's; nil when the steps are done. -1 is an empty list.
    mutating func advance(towards time: Timestamp) -> Int32? {
        let goal = step(of: time)
        guard step < goal else { return nil }
        // After a long gap one turn visits every bucket.
        if goal &- step > Int64(Self.bucketCount) { step = goal &- Int64(Self.bucketCount) }
        step &+= 1
        earliest = step
        let bucket = Int(step & mask)
        let head = heads[bucket]
        heads[bucket] = -1
        return head
    }

    /// A flow of the earliest bucket that is not empty; -1 where the wheel is empty.
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
