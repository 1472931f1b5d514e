import NetworkAddresses
import PacketDecoding
import SenderAttribution

/// Remembers which next hops routers have named to which hosts, in redirects and in router
/// advertisements: a host that asks for such a next hop searches for nobody.
///
/// A table of fixed size: a newer next hop may replace an older one. While one that was replaced
/// would still count, every link-local address is taken for a router's.
struct NamedHops: Sendable {
    private struct Place {
        var key: UInt64 = 0
        /// The last second in which it counts.
        var end = Int.min
        /// Where the message came from.
        var station = Station(port: 0, mac: .zero)
    }

    private var places = [Place](repeating: Place(), count: 4096)
    /// The last second in which one that was replaced would count, for at most `longestLoss`.
    private var lostEnd = Int.min
    /// The longest lifetime of a default router (RFC 4861, section 6.2.1), in seconds: a route with
    /// an endless one must not excuse searches for ever.
    private static let longestLoss = 9000

    /// Notes that the station of a message has named `hop` to the message's receivers.
    mutating func note(
        _ hop: IPAddress, _ message: Packet, from station: Station, second: Int, seconds: Int
    ) {
        let isToAll = message.destinationMAC.isGroup
        let key = Self.key(hop, isToAll ? .zero : message.destinationMAC)
        let index = Int(key >> 52)
        let isKnown = places[index].end >= second
        // The same frame, seen as it leaves by the receiver's port.
        if message.packetType == .outgoing, isKnown, places[index].key == key { return }
        if isKnown, places[index].key != key {
            lostEnd = max(lostEnd, min(places[index].end, second + Self.longestLoss))
        }
        places[index] = Place(key: key, end: second + seconds, station: station)
    }

    /// Whether another station has named the address that a question is for to its sender.
    func contains(_ question: Packet, from station: Station, second: Int) -> Bool {
        if lostEnd >= second, question.ipVersion == 6, question.destination.isLinkLocal {
            return true
        }
        return contains(Self.key(question.destination, question.sourceMAC), station, second)
            || contains(Self.key(question.destination, .zero), station, second)
    }

    private func contains(_ key: UInt64, _ station: Station, _ second: Int) -> Bool {
        let place = places[Int(key >> 52)]
        return place.key == key && place.end >= second && !place.station.isSame(as: station)
    }

    private static func key(_ hop: IPAddress, _ receiver: MACAddress) -> UInt64 {
        DistinctWindow.mix(DistinctWindow.mix(hop.high ^ hop.low &* 3) ^ receiver.value) | 1
    }
}
