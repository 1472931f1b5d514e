#if canImport(Glibc)
    import Glibc
#endif

/// Counts distinct keys over the sliding windows of every scale, in bounded memory.
///
/// Each key stores when it was last seen. Most hosts have few keys: a small table is searched for
/// each count. In a larger one, a key is counted in the bucket of its second, so a window's
/// count is the sum of its buckets. Keys are stored exactly in a table of up to `exactLimit` slots;
/// beyond that, a key is only a slot in a sketch of fixed size, and the count is an estimate
/// (linear counting: Whang, Vander-Zanden, Taylor 1990; about 2 % off at 20,000 keys, saturating
/// near 34,000).
struct DistinctWindow: Sendable {
    /// The slots of the smallest table, and those of the largest without buckets.
    private static let leastSlots = 4
    private static let searchedSlots = 16
    /// The greatest size of the exact table in slots; when it is full, it is converted to a sketch.
    static let exactLimit = 1024
    /// The number of slots of the sketch.
    static let sketchSlots = 4096

    /// The keys; 0 marks an empty slot. The array is empty in a sketch.
    private var keys: [UInt64] = []
    /// The second in which a key was last seen, with `novelBit`; 0 marks an empty slot.
    private var lastSeen: [UInt32] = []
    /// The buckets of all keys, then those of novel keys; empty for small tables.
    private var counts: [UInt16] = []
    private var liveCount = 0
    private var newestSecond: Int = 0

    private static let novelBit: UInt32 = 1 << 31

    var isEmpty: Bool { lastSeen.isEmpty }

    /// Records that `key` was seen in `second`, which must not be before the last one recorded.
    mutating func insert(_ key: UInt64, second: Int, isNovel: Bool) {
        // Stamps have 31 bits, and the buckets must be computed from the same value.
        let second = second & Int(~Self.novelBit)
        if lastSeen.isEmpty {
            keys = [UInt64](repeating: 0, count: Self.leastSlots)
            lastSeen = [UInt32](repeating: 0, count: Self.leastSlots)
            newestSecond = second
        }
        advance(to: second)
        let slot = slot(for: key | 1)
        let before = lastSeen[slot]
        let stamp =
            UInt32(truncatingIfNeeded: second) & ~Self.novelBit | (isNovel ? Self.novelBit : 0)
        guard before != stamp else { return }
        if before == 0 {
            liveCount += 1
        } else {
            count(before, by: -1)
        }
        if !keys.isEmpty { keys[slot] = key | 1 }
        lastSeen[slot] = stamp
        count(stamp, by: 1)
        if !keys.isEmpty && liveCount * 4 > lastSeen.count * 3 { makeRoom() }
    }

    /// Whether `key` was recorded in the long window that ends with `second`; false in a sketch.
    func contains(_ key: UInt64, at second: Int) -> Bool {
        guard !keys.isEmpty else { return false }
        let stamp = Int(lastSeen[slot(for: key | 1)] & ~Self.novelBit)
        return stamp != 0 && second & Int(~Self.novelBit) - stamp < Scale.long.seconds
    }

    /// Whether `key` was novel when it was recorded last; true in a sketch.
    func isNovel(_ key: UInt64) -> Bool {
        keys.isEmpty || lastSeen[slot(for: key | 1)] & Self.novelBit != 0
    }

    /// Returns the number of distinct keys in the window of `scale` that ends with `second`.
    mutating func count(_ scale: Scale, at second: Int, novel: Bool = false) -> Float {
        guard !lastSeen.isEmpty else { return 0 }
        advance(to: second & Int(~Self.novelBit))
        if counts.isEmpty { return Float(search(scale, novel: novel)) }
        let start = scale.ringOffset + (novel ? Scale.ringSize : 0)
        var sum = 0
        for index in start..<(start + scale.bucketCount) { sum += Int(counts[index]) }
        guard keys.isEmpty else { return Float(sum) }
        let slots = Float(Self.sketchSlots)
        return -slots * logf(max(1 - Float(sum) / slots, 1 / slots))
    }

    /// The keys in the window of `scale`, without buckets.
    private func search(_ scale: Scale, novel: Bool) -> Int {
        let oldest =
            (newestSecond / scale.bucketSeconds - scale.bucketCount + 1) * scale.bucketSeconds
        var sum = 0
        for stamp in lastSeen where stamp != 0 && (!novel || stamp & Self.novelBit != 0) {
            sum += Int(stamp & ~Self.novelBit) >= oldest ? 1 : 0
        }
        return sum
    }

    private func slot(for key: UInt64) -> Int {
        let hash = Int(truncatingIfNeeded: Self.mix(key) >> 33)
        guard !keys.isEmpty else { return hash % Self.sketchSlots }
        let mask = keys.count - 1
        var index = hash & mask
        while keys[index] != key && lastSeen[index] != 0 { index = (index + 1) & mask }
        return index
    }

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
            counts[index] = UInt16(clamping: Int(counts[index]) + step)
            if stamp & Self.novelBit != 0 {
                counts[index + Scale.ringSize] =
                    UInt16(clamping: Int(counts[index + Scale.ringSize]) + step)
            }
        }
    }

    /// Clears the buckets that newer seconds reuse.
    private mutating func advance(to second: Int) {
        guard second > newestSecond else { return }
        defer { newestSecond = second }
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
        let live = lastSeen.indices.filter {
            lastSeen[$0] != 0 && Int(lastSeen[$0] & ~Self.novelBit) > horizon
        }
        let entries = live.map { (keys[$0], lastSeen[$0]) }
        let isSketch = lastSeen.count >= Self.exactLimit && entries.count * 2 > lastSeen.count
        let size =
            isSketch
            ? Self.sketchSlots
            : entries.count * 2 > lastSeen.count ? lastSeen.count * 2 : lastSeen.count
        keys = isSketch ? [] : [UInt64](repeating: 0, count: size)
        lastSeen = [UInt32](repeating: 0, count: size)
        if isSketch { for index in counts.indices { counts[index] = 0 } }
        liveCount = 0
        let hasBuckets = !counts.isEmpty
        if size > Self.searchedSlots, !hasBuckets {
            counts = [UInt16](repeating: 0, count: Scale.ringSize * 2)
        }
        for (key, stamp) in entries {
            let slot = slot(for: key)
            if lastSeen[slot] == 0 { liveCount += 1 }
            if isSketch {
                guard stamp & ~Self.novelBit >= lastSeen[slot] & ~Self.novelBit else { continue }
                if lastSeen[slot] != 0 { count(lastSeen[slot], by: -1) }
                count(stamp, by: 1)
            } else {
                keys[slot] = key
                if !hasBuckets { count(stamp, by: 1) }
            }
            lastSeen[slot] = stamp
        }
    }
}
