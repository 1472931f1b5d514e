import NetworkAddresses
import PacketDecoding

/// Remembers which hosts have opened flows to which others lately: an ARP request for the sender of
/// such a packet precedes an answer, and is no scan of the network. A table of fixed size: a newer
/// packet may replace an older one. What a host has lost in this way is counted, and excuses as
/// many of its requests.
struct Arrivals: Sendable {
    /// Seconds within which an answer is due.
    private static let seconds = 10
    /// Seconds within which a host asks for the sender: Linux repeats a SYN/ACK for a minute.
    private static let askingSeconds = 70
    /// Seconds within which packets are forwarded on the way that the first one took.
    private static let routeSeconds = 60

    private struct Place {
        var key: UInt64 = 0
        var second = Int.min / 2
        var port: UInt32 = 0
        var mac = MACAddress.zero
        /// The MAC address that it was sent to.
        var nextHop = MACAddress.zero
        /// The flows that were opened, less those that were taken.
        var count = 0
        /// The place of its destination in `lost`; -1 for a packet from another network,
        /// whose sender nobody asks for.
        var loser: Int16 = -1

        /// Whether another host than the sender of `packet` had sent it.
        func isOthers(than packet: Packet) -> Bool {
            packet.port == 0 || port == 0 ? mac != packet.sourceMAC : port != packet.port
        }
    }

    /// By the addresses of source and destination.
    private var places = [Place](repeating: Place(), count: 4096)
    /// Requests for senders whose packets were replaced, by the destination alone.
    private var lost = Allowances(bits: 10, seconds: Self.seconds)

    /// Requests for one address before its asker gives up.
    private static let requestsEach = 4

    /// By the destination's IP and MAC address.
    private var hops = [Place](repeating: Place(), count: 4096)

    /// By an address, and the MAC address to which its owner hands on what it receives there.
    private var delegates = [Place](repeating: Place(), count: 256)

    /// Notes that the owner of a packet's destination hands the packet on to another host, as a
    /// balancer does whose servers answer their clients directly.
    mutating func delegate(_ packet: Packet, second: Int) {
        let key = Self.key(packet.destination, packet.destinationMAC)
        delegates[Int(key >> 56)] = Place(key: key, second: second)
    }

    /// Whether a packet's source address is one whose owner hands packets on to its sender's MAC
    /// address.
    func isDelegated(_ packet: Packet, second: Int) -> Bool {
        let key = Self.key(packet.source, packet.sourceMAC)
        let place = delegates[Int(key >> 56)]
        return place.key == key && second - place.second <= Self.routeSeconds
    }

    /// By the addresses of an answer and its sender's MAC address, who answers in another's name
    /// because the question was sent to it.
    private var answers = [Place](repeating: Place(), count: 256)

    /// Whether another host has sent a packet to the very MAC address that the answer comes from,
    /// as a client sends one to a server behind a balancer: its receiver did not choose the address
    /// that it answers with. As long as the answers go on, they are of such a flow.
    mutating func isAsAddressed(_ answer: Packet, second: Int) -> Bool {
        let pair = Self.key(answer.destination, answer.source)
        let key = DistinctWindow.mix(pair ^ answer.sourceMAC.value) | 1
        let index = Int(key >> 56)
        let before = answers[index]
        let place = places[Int(pair >> 52)]
        let isAsked =
            place.key == pair && second - place.second <= Self.routeSeconds
            && place.nextHop == answer.sourceMAC && place.isOthers(than: answer)
        guard
            isAsked
                || before.key == key && second - before.second <= Self.routeSeconds
                    && before.port == answer.port
        else { return false }
        answers[index] = Place(key: key, second: second, port: answer.port)
        return true
    }

    /// Notes a packet that opened a flow.
    ///
    /// - Parameter isFromAfar: whether a router sent it, from another network.
    mutating func note(_ packet: Packet, second: Int, isFromAfar: Bool = false) {
        let key = Self.key(packet.source, packet.destination)
        var place = Place(
            key: key, second: second, port: packet.port, mac: packet.sourceMAC,
            nextHop: packet.destinationMAC,
            loser: isFromAfar ? -1 : Int16(lost.place(of: packet.destination)))
        let old = places[Int(key >> 52)]
        noteLoss(of: old, to: key, second: second)
        place.count = 1 + (old.key == key && second - old.second <= Self.seconds ? old.count : 0)
        places[Int(key >> 52)] = place
        place.key = Self.key(packet.destination, packet.destinationMAC)
        hops[Int(place.key >> 52)] = place
    }

    private mutating func noteLoss(of place: Place, to key: UInt64, second: Int) {
        guard place.key != key, place.loser >= 0,
            second - place.second <= Self.askingSeconds
        else { return }
        lost.add(Self.requestsEach, at: Int(place.loser), second: second)
    }

    /// Whether a packet comes from the MAC address that another host had sent packets of the same
    /// pair of addresses to: it forwards them.
    func isForwarded(_ packet: Packet, second: Int) -> Bool {
        let key = Self.key(packet.source, packet.destination)
        let place = places[Int(key >> 52)]
        guard place.key == key, second - place.second <= Self.routeSeconds,
            packet.sourceMAC != .zero, place.nextHop == packet.sourceMAC
        else { return false }
        return place.isOthers(than: packet)
    }

    /// Whether an ARP request is for the destination of a packet that another host has just sent to
    /// the requester's MAC address: it forwards that packet.
    func isToForward(_ request: Packet, second: Int) -> Bool {
        let key = Self.key(request.destination, request.sourceMAC)
        let place = hops[Int(key >> 52)]
        guard place.key == key, second - place.second <= Self.seconds else { return false }
        return place.isOthers(than: request)
    }

    /// Whether another host has lately asked for the sender of an ARP reply, with the address of
    /// the reply's receiver.
    func wasAsked(_ reply: Packet, second: Int) -> Bool {
        let key = Self.key(reply.destination, reply.source)
        let place = places[Int(key >> 52)]
        return place.key == key && second - place.second <= Self.seconds
            && place.isOthers(than: reply)
    }

    /// Whether an ARP request is for an address that has just sent a packet to the requester. A
    /// packet that the requester sent itself does not count.
    mutating func isAnswer(_ request: Packet, second: Int) -> Bool {
        let key = Self.key(request.destination, request.source)
        let place = places[Int(key >> 52)]
        if place.key == key, second - place.second <= Self.askingSeconds {
            return place.isOthers(than: request)
        }
        return lost.take(at: lost.place(of: request.source), second: second)
    }

    /// Whether another host has just opened a flow from the destination of a packet to its source;
    /// each flow is taken once.
    mutating func take(_ packet: Packet, second: Int) -> Bool {
        let key = Self.key(packet.destination, packet.source)
        let index = Int(key >> 52)
        guard places[index].key == key, second - places[index].second <= Self.seconds,
            places[index].count > 0, places[index].isOthers(than: packet)
        else { return false }
        places[index].count -= 1
        return true
    }

    private static func key(_ to: IPAddress, _ hop: MACAddress) -> UInt64 {
        DistinctWindow.mix(DistinctWindow.mix(to.high ^ to.low &* 3) ^ hop.value) | 1
    }

    static func key(_ from: IPAddress, _ to: IPAddress) -> UInt64 {
        DistinctWindow.mix(
            DistinctWindow.mix(from.high ^ from.low &* 3) ^ to.high ^ to.low &* 5) | 1
    }
}
