internal import NetworkAddresses
internal import Timestamps

/// Recognizes outgoing packets of a node that came in before: those that it forwards from one port
/// to another.
///
/// For captures that have incoming packets at ports and outgoing ones at bridges, in one order of
/// time. Each incoming packet accounts for one outgoing packet of the same addresses, ports and
/// sequence numbers. A packet whose addresses were translated on the way is another packet. Memory
/// is fixed; where two packets need the same entry the older one is dropped.
public struct ForwardedPackets: ~Copyable, Sendable {
    /// Outgoing packets that came in before.
    public private(set) var repeats: UInt64 = 0
    private var places: [Place]

    /// How long after it came in a packet may go out: it may have to wait until the neighbour's
    /// address is resolved.
    private static let forwardTime = Interval.seconds(1)

    private struct Place: Sendable {
        var mark: UInt64 = 0
        var time = Timestamp.distantPast
        /// Packets with this mark that have come in and not gone out.
        var count: UInt32 = 0
    }

    /// - Parameter capacity: packets that are remembered, rounded up to a power of two.
    public init(capacity: Int = 1 << 15) {
        var size = 1
        while size < capacity, size < 1 << 30 { size *= 2 }
        places = Array(repeating: Place(), count: size)
    }

    /// Whether this packet came in before, and is now captured again as it goes out.
    public mutating func isRepeat(_ packet: borrowing Packet) -> Bool {
        guard packet.kind != .other, packet.packetType != .unknown else { return false }
        let mark = packet.forwardingDigest
        let index = Int(truncatingIfNeeded: mark >> 32) & (places.count - 1)
        let age = packet.time - places[index].time
        let isKnown =
            places[index].mark == mark && places[index].count > 0 && age >= .zero
            && age <= Self.forwardTime
        guard packet.packetType == .outgoing else {
            places[index] = Place(
                mark: mark, time: packet.time,
                count: isKnown ? places[index].count &+ 1 : 1)
            return false
        }
        guard isKnown else { return false }
        places[index].count -= 1
        repeats &+= 1
        return true
    }
}
