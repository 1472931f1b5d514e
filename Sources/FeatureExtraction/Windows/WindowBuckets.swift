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

    /// The buckets, the newest first.
    var rows: [Counters] = []
    /// The unsolicited packets of the same buckets; empty if there are none.
    var unsolicited: [Int] = []
    /// The addresses that were asked for; empty if there are none.
    var askedAddresses: [Int] = []

    /// No buckets.
    public init() {}

    /// Whether there are none.
    public var isEmpty: Bool { rows.isEmpty }

    /// The amount in each bucket, the newest first.
    public func amounts(_ amount: Amount) -> [Double] {
        switch amount {
        case .unsolicited: unsolicited.map(Double.init)
        case .askedAddresses: askedAddresses.map(Double.init)
        default: rows.map { Double(Self.count(amount, in: $0)) }
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
        var buckets = WindowBuckets()
        if !arpTargets.isEmpty { buckets.askedAddresses = arpTargets.buckets(scale, at: second) }
        let newest = second / scale.bucketSeconds
        buckets.rows = [Counters](repeating: Counters(repeating: 0), count: scale.bucketCount)
        for age in 0..<scale.bucketCount {
            // Most are empty.
            if let row = ring[scale.ringIndex(bucket: newest - age)] { buckets.rows[age] = row }
        }
        if unsolicited.total(scale) > 0 {
            buckets.unsolicited = (0..<scale.bucketCount).map {
                unsolicited.total(inBucket: scale.ringIndex(bucket: newest - $0))
            }
        }
        return buckets
    }
}
