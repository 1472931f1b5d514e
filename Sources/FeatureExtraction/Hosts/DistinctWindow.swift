#if canImport(Glibc)
    import Glibc
#endif

/// Counts distinct keys over the sliding windows of every scale, in bounded memory.
///
/// Each key stores when it was last seen. Most hosts have few keys: a small table is searched for
/// each count. In a larger one, a key is counted in the bucket of its second, so a window's
/// count is the sum of its buckets. Keys are stored exactly in a table of up to `exactLimit` slots,
/// which always has room for the 1,024 keys of ten minutes; beyond that, a key is only a slot in a
/// sketch of fixed size, and the count is an estimate (linear counting: Whang, Vander-Zanden,
/// Taylor 1990; about 2 % off at 20,000 keys, saturating near 34,000).
struct DistinctWindow: Sendable {
    /// The slots of the smallest table, and those of the largest without buckets.
    private static let leastSlots = 4
    private static let searchedSlots = 16
    /// The greatest size of the exact table in slots; when it is full, it is converted to a sketch.
    static let exactLimit = 2048
    /// The number of slots of the sketch.
    static let sketchSlots = 4096

    /// A key, and when it was last seen.
    private struct Entry {
        var key: UInt64 = 0
        /// A second with `novelBit`; 0 marks an empty slot.
        var stamp: UInt32 = 0
    }

    /// The exact table; empty in a sketch.
    private var entries: [Entry] = []
    /// The buckets of all keys, then those of novel keys, and then the stamps of a sketch; empty
    /// for small tables.
    private var counts: [UInt32] = []
    private var liveCount: UInt16 = 0
    private var newest: UInt32 = 0

    private static let novelBit: UInt32 = 1 << 31
    private static let stampsStart = Scale.ringSize * 2

    private var newestSecond: Int { Int(newest) }

    var isEmpty: Bool { entries.isEmpty && counts.isEmpty }

    private var isSketch: Bool { counts.count > Self.stampsStart }

    /// Whether its counts are estimates.
    var isEstimated: Bool { isSketch }

    /// Records that `key` was seen in `second`, which must not be before the last one recorded.
    mutating func insert(_ key: UInt64, second: Int, isNovel: Bool) {
        // Stamps have 31 bits, and the buckets must be computed from the same value.
        let second = second & Int(~Self.novelBit)
        if isEmpty {
            entries = [Entry](repeating: Entry(), count: Self.leastSlots)
            newest = UInt32(second)
        }
        advance(to: second)
        let slot = isSketch ? Self.place(for: key | 1) : slot(for: key | 1)
        let before = isSketch ? counts[slot] : entries[slot].stamp
        let stamp =
            UInt32(truncatingIfNeeded: second) & ~Self.novelBit | (isNovel ? Self.novelBit : 0)
        guard before != stamp else { return }
        if before == 0 {
            liveCount += 1
        } else {
            count(before, by: -1)
        }
        if isSketch {
            counts[slot] = stamp
            count(stamp, by: 1)
        } else {
            entries[slot] = Entry(key: key | 1, stamp: stamp)
            count(stamp, by: 1)
            if Int(liveCount) * 4 > entries.count * 3 { makeRoom() }
        }
    }

    /// Whether `key` was recorded in the long window that ends with `second`; false in a sketch.
    func contains(_ key: UInt64, at second: Int) -> Bool {
        guard !entries.isEmpty else { return false }
        let stamp = Int(entries[slot(for: key | 1)].stamp & ~Self.novelBit)
        return stamp != 0 && second & Int(~Self.novelBit) - stamp < Scale.long.seconds
    }

    /// Whether `key` was novel when it was recorded last; true in a sketch.
    func isNovel(_ key: UInt64) -> Bool {
        entries.isEmpty || entries[slot(for: key | 1)].stamp & Self.novelBit != 0
    }

    /// Returns the number of distinct keys in the window of `scale` that ends with `second`.
    mutating func count(_ scale: Scale, at second: Int, novel: Bool = false) -> Float {
        guard !isEmpty else { return 0 }
        advance(to: second & Int(~Self.novelBit))
        guard !counts.isEmpty else {
            let found = search(scale)
            return Float(novel ? found.novel : found.all)
        }
        return sum(scale, novel: novel)
    }

    /// The same for all keys, and for the novel ones.
    mutating func counts(_ scale: Scale, at second: Int) -> (all: Float, novel: Float) {
        guard !isEmpty else { return (0, 0) }
        advance(to: second & Int(~Self.novelBit))
        guard !counts.isEmpty else {
            let found = search(scale)
            return (Float(found.all), Float(found.novel))
        }
        return (sum(scale, novel: false), sum(scale, novel: true))
    }

    /// The keys that were last seen in each bucket of the window of `scale`, the newest first; in a
    /// sketch, its slots.
    mutating func buckets(_ scale: Scale, at second: Int) -> [Int] {
        let second = second & Int(~Self.novelBit)
        advance(to: second)
        let newest = second / scale.bucketSeconds
        guard counts.isEmpty else {
            return (0..<scale.bucketCount).map { Int(counts[scale.ringIndex(bucket: newest - $0)]) }
        }
        var buckets = [Int](repeating: 0, count: scale.bucketCount)
        for entry in entries where entry.stamp != 0 {
            let age = newest - Int(entry.stamp & ~Self.novelBit) / scale.bucketSeconds
            if buckets.indices.contains(age) { buckets[age] += 1 }
        }
        return buckets
    }

    /// The sum of the buckets.
    private func sum(_ scale: Scale, novel: Bool) -> Float {
        let start = scale.ringOffset + (novel ? Scale.ringSize : 0)
        var sum = 0
        for index in start..<(start + scale.bucketCount) { sum += Int(counts[index]) }
        guard isSketch else { return Float(sum) }
        let slots = Float(Self.sketchSlots)
        return (-slots * logf(max(1 - Float(sum) / slots, 1 / slots))).rounded()
    }

    /// The keys in the window of `scale`, without buckets.
    private func search(_ scale: Scale) -> (all: Int, novel: Int) {
        let oldest =
            (newestSecond / scale.bucketSeconds - scale.bucketCount + 1) * scale.bucketSeconds
        let least = UInt32(clamping: oldest)
        var (all, novel) = (UInt32(0), UInt32(0))
        let entries = entries.span
        // Whether a key is in the window cannot be predicted: no branch.
        for index in entries.indices {
            let stamp = entries[index].stamp
            let isIn: UInt32 =
                (stamp != 0 ? 1 : 0) & (stamp & ~Self.novelBit >= least ? 1 : 0)
            all &+= isIn
            novel &+= isIn & stamp >> 31
        }
        return (Int(all), Int(novel))
    }

    private func slot(for key: UInt64) -> Int {
        let entries = entries.span
        let mask = entries.count - 1
        var index = Self.hash(key) & mask
        while entries[index].key != key && entries[index].stamp != 0 { index = (index + 1) & mask }
        return index
    }

    /// The place of a key's stamp in a sketch.
    private static func place(for key: UInt64) -> Int { stampsStart + hash(key) % sketchSlots }

    private static func hash(_ key: UInt64) -> Int { Int(truncatingIfNeeded: mix(key) >> 33) }

    /// Prefetches what is read at the end of a second.
    @inline(__always)
    func prefetch() { entries.prefetch() }

    /// The finaliser of MurmurHash3.
    static func mix(_ key: UInt64) -> UInt64 {
        var value = key
        value = (value ^ value >> 33) &* 0xFF51_AFD7_ED55_8CCD
        value = (value ^ value >> 33) &* 0xC4CE_B9FE_1A85_EC53
        return value ^ value >> 33
    }

    private mutating func count(_ stamp: UInt32, by step: Int) {
        guard !counts.isEmpty else { return }
        let second = Int(stamp & ~Self.novelBit)
        for scale in Scale.allCases {
            // A bucket older than the window was cleared when it was reused.
            let age = newestSecond / scale.bucketSeconds - second / scale.bucketSeconds
            guard age < scale.bucketCount else { continue }
            let index = scale.ringIndex(second)
            counts[index] = UInt32(clamping: Int(counts[index]) + step)
            if stamp & Self.novelBit != 0 {
                counts[index + Scale.ringSize] =
                    UInt32(clamping: Int(counts[index + Scale.ringSize]) + step)
            }
        }
    }

    /// Clears the buckets that newer seconds reuse.
    private mutating func advance(to second: Int) {
        guard second > newestSecond else { return }
        defer { newest = UInt32(second) }
        guard !counts.isEmpty else { return }
        for scale in Scale.allCases {
            let from = newestSecond / scale.bucketSeconds
            let to = second / scale.bucketSeconds
            guard to > from else { continue }
            for step in 0..<min(to - from, scale.bucketCount) {
                let index = scale.ringOffset + (to - step) % scale.bucketCount
                counts[index] = 0
                counts[index + Scale.ringSize] = 0
            }
        }
    }

    /// Removes the keys that are in no window; doubles the table, or converts it to a sketch, if
    /// that does not free enough.
    private mutating func makeRoom() {
        let horizon = newestSecond - Scale.long.seconds
        func isLive(_ entry: Entry) -> Bool {
            entry.stamp != 0 && Int(entry.stamp & ~Self.novelBit) > horizon
        }
        let old = entries
        var live = 0
        for entry in old where isLive(entry) { live += 1 }
        let isTooFull = live * 2 > old.count
        guard old.count < Self.exactLimit || !isTooFull else {
            return startSketch(old.filter(isLive))
        }
        let size = isTooFull ? old.count * 2 : old.count
        entries = [Entry](repeating: Entry(), count: size)
        liveCount = UInt16(live)
        let hasBuckets = !counts.isEmpty
        if size > Self.searchedSlots, !hasBuckets {
            counts = [UInt32](repeating: 0, count: Self.stampsStart)
        }
        for entry in old where isLive(entry) {
            entries[slot(for: entry.key)] = entry
            if !hasBuckets { count(entry.stamp, by: 1) }
        }
    }

    /// Converts the table to a sketch.
    private mutating func startSketch(_ live: [Entry]) {
        entries = []
        counts = [UInt32](repeating: 0, count: Self.stampsStart + Self.sketchSlots)
        liveCount = 0
        for entry in live {
            let slot = Self.place(for: entry.key)
            let before = counts[slot]
            guard entry.stamp & ~Self.novelBit >= before & ~Self.novelBit else { continue }
            if before == 0 { liveCount += 1 } else { count(before, by: -1) }
            count(entry.stamp, by: 1)
            counts[slot] = entry.stamp
        }
    }
}
