/// What was counted in each bucket of a window, so that the newest traffic that a verdict rests on
/// can be found. Empty in windows that are not of a tracker.
public struct WindowBuckets: Sendable {
    /// What is counted in a bucket.
    public enum Amount: Sendable {
        case flows, failed, newFlows, failedNewFlows
        case packets, bytesOut, bytesIn, bytesOutside, served
        case queries, nxdomain, pings, pingBytes
        case logins, failedLogins
        /// Frames with the addresses of others, and frames to all hosts of a link.
        case forged, toAll
        /// Distinct addresses that were asked for by ARP or neighbour discovery, the last time.
        case askedAddresses
        case unsolicited
    }

    /// The number of buckets of the window, in use or not.
    private var count = 0
    /// The buckets in use, in no order.
    private var rows: [Counters] = []
    /// By place in `rows`: how many buckets are newer.
    private var ages: [UInt8] = []
    /// The unsolicited packets of each bucket, the newest first; empty if there are none.
    var unsolicited: [Int] = []
    /// The addresses that were asked for; empty if there are none.
    var askedAddresses: [Int] = []

    /// No buckets.
    public init() {}

    /// `count` empty buckets, with room for what is in `used` of them.
    init(count: Int, used: Int) {
        self.count = count
        rows.reserveCapacity(used)
        ages.reserveCapacity(used)
    }

    /// Adds what was counted in the bucket that has `age` newer ones.
    mutating func add(_ row: Counters, age: Int) {
        rows.append(row)
        ages.append(UInt8(age))
    }

    /// Whether there are none.
    public var isEmpty: Bool { count == 0 }

    /// The amount in each bucket, the newest first.
    public func amounts(_ amount: Amount) -> [Double] {
        switch amount {
        case .unsolicited: return unsolicited.map(Double.init)
        case .askedAddresses: return askedAddresses.map(Double.init)
        default:
            var amounts = [Double](repeating: 0, count: count)
            for (row, age) in zip(rows, ages) {
                amounts[Int(age)] += Double(Self.count(amount, in: row))
            }
            return amounts
        }
    }

    private static func count(_ amount: Amount, in row: Counters) -> UInt64 {
        func difference(_ count: UInt64, _ less: UInt64) -> UInt64 { count - min(count, less) }
        return switch amount {
        case .flows: row.low(.flows)
        case .failed: difference(row.low(.flows), row.low(.accepted))
        case .newFlows: row.high(.newEdges)
        case .failedNewFlows: difference(row.high(.newEdges), row.low(.newEdges))
        case .packets: row.low(.packetsOut)
        case .bytesOut: row.bytesOut
        case .bytesIn: row.bytesIn
        case .bytesOutside: row.bytesOutside
        case .served: row.low(.served)
        case .queries: row.low(.dnsQueries)
        case .nxdomain: row.low(.nxdomain)
        case .pings: row.high(.icmp)
        case .pingBytes: row.low(.icmp)
        case .logins: row.low(.logins)
        case .failedLogins: row.high(.dnsQueries)
        case .forged: row.low(.proof)
        case .toAll: row.high(.activity)
        case .unsolicited, .askedAddresses: 0
        }
    }
}

extension Array<Double> {
    /// The place of the newest bucket that has at least its share of the least amount that would be
    /// reported, if the sum is `times` that amount; nil: the sum is 0.
    ///
    /// Later buckets together have less than the least amount: they would not be reported by
    /// themselves. An attack that goes on has such a bucket again and again.
    public func newestShare(times: Double) -> Int? {
        let sum = reduce(0, +)
        guard sum > 0 else { return nil }
        let least = Swift.max(1, sum / Swift.max(times, 1) / Double(count))
        // Rounding must not hide a bucket of a sum that is spread evenly.
        return firstIndex { $0 >= Swift.min(least, sum) * 0.999 }
    }
}

extension HostState {
    /// The buckets of `scale` up to the one that ends with `second`.
    mutating func buckets(_ scale: Scale, _ second: Int) -> WindowBuckets {
        let newest = second / scale.bucketSeconds
        // Most are empty.
        var buckets = WindowBuckets(count: scale.bucketCount, used: ring.count)
        ring.forEach { index, row in
            let place = index - scale.ringOffset
            guard (0..<scale.bucketCount).contains(place) else { return }
            let age = newest % scale.bucketCount - place
            buckets.add(row, age: age < 0 ? age + scale.bucketCount : age)
        }
        if !arpTargets.isEmpty { buckets.askedAddresses = arpTargets.buckets(scale, at: second) }
        if unsolicited.total(scale) > 0 {
            buckets.unsolicited = (0..<scale.bucketCount).map {
                unsolicited.total(inBucket: scale.ringIndex(bucket: newest - $0))
            }
        }
        return buckets
    }
}
