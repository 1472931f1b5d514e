/// The buckets of all scales in which something was counted. Most addresses are silent most of the
/// time, and an empty bucket takes no memory.
struct BucketRing: Sendable {
    /// The buckets in use, in no order.
    private var rows: [Counters] = []
    /// By ring index: the place of the bucket in `rows` + 1, or 0.
    private var places = InlineArray<42, UInt8>(repeating: 0)
    /// By place in `rows`: the ring index.
    private var indices = InlineArray<42, UInt8>(repeating: 0)

    /// The number of buckets in use.
    var count: Int { rows.count }

    /// The counts of a bucket; nil if it is empty.
    subscript(index: Int) -> Counters? {
        places[index] == 0 ? nil : rows[Int(places[index]) - 1]
    }

    /// Calls `body` with the ring index and the counts of each bucket in use, in no order.
    @inline(__always)
    func forEach(_ body: (Int, Counters) -> Void) {
        for place in rows.indices { body(Int(indices[place]), rows[place]) }
    }

    /// The sums of the buckets of `scale`.
    @inline(__always)
    func sum(_ scale: Scale) -> Counters {
        let ring = scale.ringOffset..<scale.ringOffset + scale.bucketCount
        let rows = rows.span
        var sum = Counters(repeating: 0)
        for place in rows.indices where ring.contains(Int(indices[place])) { sum &+= rows[place] }
        return sum
    }

    /// Prefetches a bucket.
    @inline(__always)
    func prefetch(_ index: Int) { rows.prefetch(Int(places[index]) - 1, byteCount: 128) }

    mutating func add(_ counters: Counters, to index: Int) {
        guard places[index] == 0 else {
            rows[Int(places[index]) - 1] &+= counters
            return
        }
        // In steps, and never more than all buckets need.
        if rows.count == rows.capacity {
            rows.reserveCapacity(min(max(2 * rows.count, 4), Scale.ringSize))
        }
        indices[rows.count] = UInt8(index)
        rows.append(counters)
        places[index] = UInt8(rows.count)
    }

    /// Empties a bucket.
    mutating func remove(_ index: Int) {
        guard places[index] != 0 else { return }
        let place = Int(places[index]) - 1
        places[index] = 0
        let last = rows.removeLast()
        if place < rows.count {
            let moved = indices[rows.count]
            rows[place] = last
            indices[place] = moved
            places[Int(moved)] = UInt8(place + 1)
        }
    }
}
