import NetworkAddresses
import PacketDecoding
import Timestamps

/// The flows of the packets around tunnels, which the meter does not have: it follows tunnels to
/// the inner packet. A table of fixed size: a newer flow may replace an older one.
struct OuterFlows: Sendable {
    /// Seconds without a packet after which a flow starts again.
    private static let seconds = 60

    struct Flow: Sendable {
        fileprivate var key: UInt64 = 0
        fileprivate var isOpenerHigh = false
        fileprivate var second = Int.min / 2
        /// The tag of its opener; 0: none.
        var tag: UInt32 = 0
        var start = Timestamp.epoch
        var isAnswered = false
    }

    private var places = [Flow](repeating: Flow(), count: 4096)

    /// Returns the place of a packet's flow, whether the packet opens it, and whether it comes from
    /// the opener.
    mutating func place(
        of packet: Packet, second: Int
    ) -> (index: Int, isNew: Bool, isFromOpener: Bool) {
        let from = Self.end(packet.source, packet.sourcePort)
        let to = Self.end(packet.destination, packet.destinationPort)
        let key = DistinctWindow.mix(min(from, to) ^ max(from, to) &* 5) | 1
        let index = Int(key >> 52)
        let isHigh = from > to
        let isNew = places[index].key != key || second - places[index].second > Self.seconds
        if isNew {
            places[index] = Flow(key: key, isOpenerHigh: isHigh, start: packet.time)
        }
        places[index].second = second
        return (index, isNew, places[index].isOpenerHigh == isHigh)
    }

    subscript(index: Int) -> Flow {
        get { places[index] }
        set { places[index] = newValue }
    }

    private static func end(_ address: IPAddress, _ port: UInt16) -> UInt64 {
        DistinctWindow.mix(address.high ^ DistinctWindow.mix(address.low) &+ UInt64(port))
    }
}
