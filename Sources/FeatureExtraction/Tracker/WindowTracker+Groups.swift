import NetworkAddresses
import PacketDecoding
import SenderAttribution
import Workloads

/// Packets to all hosts of a link, and pings of whole networks.
extension WindowTracker {
    /// Counts a frame to a group of hosts. Announcements and discovery are ordinary up to a rate;
    /// what a host sends to all others beyond it counts like its other packets.
    mutating func noteGroup(_ packet: Packet) {
        let isPing = packet.isEchoRequest
        if isPing { pings.ask(packet.source, second: second) }
        guard packet.isForAll, packet.packetType != .outgoing,
            // A router asks for each address of a scan that it forwards.
            isPing || packet.ipProtocol != 58,
            groupRates.note(station(of: packet), second: second)
        else { return }
        let sender = sender(of: packet)
        guard !sender.isNobody, let slot = slot(of: sender, packet) else { return }
        if sender.isForeign, !isPing {
            noteForeign(packet.source, slot, isOthers: sender.isOthers)
        }
        countBeyondRate(packet, slot, isForAll: true)
    }

    /// Whether an echo reply answers a ping of a whole network: each of its hosts replies, to
    /// whatever address the ping came from.
    mutating func answersGroupPing(_ kind: UnsolicitedKind?, _ packet: Packet) -> Bool {
        guard kind == .icmpReply, packet.icmpType == (packet.ipVersion == 4 ? 0 : 129) else {
            return false
        }
        return pings.isAnswer(packet.source, to: packet.destination, second: second)
    }
}

extension Packet {
    /// Whether every host of the link receives it: a broadcast, or a multicast of the link (RFC
    /// 5771, RFC 4291). Streams to other groups have receivers that joined them.
    fileprivate var isForAll: Bool {
        destinationMAC == MACAddress(0xFFFF_FFFF_FFFF)
            || (destination.isIPv4
                ? destination.v4 >> 8 == 0xE0_0000 : destination.high >> 48 & 0xFF0F == 0xFF02)
    }
}

/// Remembers pings of whole networks, and how many replies to them each host has sent. A table of
/// fixed size: a newer entry may replace an older one.
struct GroupPings: Sendable {
    /// Seconds after which an entry starts again.
    private static let seconds = 10

    private struct Place {
        var key: UInt64 = 0
        var second = Int.min / 2
        var count = 0
    }

    private var places = [Place](repeating: Place(), count: 2048)

    /// Notes a ping of a group.
    mutating func ask(_ source: IPAddress, second: Int) {
        count(Self.key(source, .unspecified), second)
    }

    /// Counts a reply; returns whether `asker` has sent at least as many pings as `host` replies.
    mutating func isAnswer(_ host: IPAddress, to asker: IPAddress, second: Int) -> Bool {
        let asked = Self.key(asker, .unspecified)
        let place = places[Int(asked >> 53)]
        guard place.key == asked, second - place.second <= Self.seconds else { return false }
        let pings = place.count
        return count(Self.key(host, asker), second) <= pings
    }

    @discardableResult
    private mutating func count(_ key: UInt64, _ second: Int) -> Int {
        let index = Int(key >> 53)
        if places[index].key != key || second - places[index].second > Self.seconds {
            places[index] = Place(key: key)
        }
        places[index].second = second
        places[index].count += 1
        return places[index].count
    }

    private static func key(_ one: IPAddress, _ other: IPAddress) -> UInt64 {
        DistinctWindow.mix(
            DistinctWindow.mix(one.high ^ one.low &* 3) ^ other.high ^ other.low &* 5) | 1
    }
}
