internal import NetworkAddresses
internal import PacketDecoding
internal import Timestamps

/// Remembers the ports of a packet's first fragment, so that later fragments find their flow.
///
/// There are two entries for each hash; a newer packet replaces the older one. Memory is therefore
/// fixed. At worst, a flood of fragments evicts the ports of other packets, which are then counted
/// as orphans.
struct FragmentCache {
    private struct Entry {
        var identity: UInt64 = 0
        var time = Timestamp.distantPast
        var sourcePort: UInt16 = 0
        var destinationPort: UInt16 = 0
        var ipProtocol: UInt8 = 0
    }

    /// RFC 8200 section 4.5 allows 60 seconds for reassembly.
    private static let lifetime = Interval.seconds(60)
    private var entries: [Entry] = []
    private let capacity: Int

    /// Creates a cache for `capacity` packets, rounded up to a power of two; memory is allocated at
    /// the first fragment.
    init(capacity: Int) {
        var size = 2
        while size < min(capacity, 1 << 20) { size *= 2 }
        self.capacity = size
    }

    mutating func remember(
        _ identity: UInt64, time: Timestamp, sourcePort: UInt16, destinationPort: UInt16,
        ipProtocol: UInt8
    ) {
        if entries.isEmpty { entries = Array(repeating: Entry(), count: capacity) }
        let first = Int(truncatingIfNeeded: identity) & (capacity - 1) & ~1
        var place = first
        if entries[first].identity != identity,
            entries[first + 1].identity == identity || entries[first + 1].time < entries[first].time
        {
            place = first + 1
        }
        entries[place] = Entry(
            identity: identity, time: time, sourcePort: sourcePort,
            destinationPort: destinationPort, ipProtocol: ipProtocol)
    }

    /// The ports and protocol of the packet's first fragment, or nil.
    func find(
        _ identity: UInt64, time: Timestamp
    ) -> (sourcePort: UInt16, destinationPort: UInt16, ipProtocol: UInt8)? {
        guard !entries.isEmpty else { return nil }
        let first = Int(truncatingIfNeeded: identity) & (capacity - 1) & ~1
        for place in first...first + 1 where entries[place].identity == identity {
            let entry = entries[place]
            guard time - entry.time <= Self.lifetime else { return nil }
            return (entry.sourcePort, entry.destinationPort, entry.ipProtocol)
        }
        return nil
    }
}
