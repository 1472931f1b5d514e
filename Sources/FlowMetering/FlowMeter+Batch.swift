public import PacketDecoding

extension FlowMeter {
    /// The number of packets whose flows are prefetched together.
    private static let stride = 64

    /// Counts packets in order, as `observe` does for one; the memory of the next ones' flows is
    /// prefetched meanwhile.
    ///
    /// - Parameter updates: receives the effect of each packet, at the packet's index.
    public mutating func observe(
        _ packets: inout [Packet], _ updates: inout [FlowUpdate], _ range: Range<Int>
    ) {
        var packets = packets.mutableSpan
        var next = range.prefix(Self.stride)
        prepare(&packets, next)
        prefetch(&packets, next)
        while !next.isEmpty {
            let current = next
            next = range[current.upperBound...].prefix(Self.stride)
            prepare(&packets, next)
            for position in current { observe(&packets[position], &updates[position]) }
            prefetch(&packets, next)
        }
    }
}
