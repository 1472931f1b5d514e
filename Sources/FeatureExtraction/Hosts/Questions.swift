import NetworkAddresses
import PacketDecoding
import SenderAttribution

/// Remembers questions, and how many answers each host has sent to them: echo requests and
/// datagrams to a group, which any of its members answers to whatever address and port they came
/// from, queries for groups (IGMP), and datagrams to one host, which it may answer from another
/// port (TFTP).
///
/// Tables of fixed size: a newer entry may replace an older one. What an asker has lost in this way
/// is counted, and excuses as many answers.
struct Questions: Sendable {
    /// Seconds after which an entry starts again.
    private static let seconds = 10
    /// Flows that a question may bring from one host: a device answers a search with a datagram for
    /// each of its services, some from a new port each.
    private static let flowsEach = 8
    /// Groups that a host reports after a query.
    private static let groupsEach = 64

    private struct Place {
        var key: UInt64 = 0
        var asker: UInt64 = 0
        var second = Int.min / 2
        var count = 0
        /// Who asked.
        var station = Station(port: 0, mac: .zero)

        func isFresh(_ now: Int) -> Bool { now - second <= Questions.seconds }
    }

    private struct Tally {
        var key: UInt64 = 0
        var second = Int.min / 2
        var count = 0
    }

    private var places = [Place](repeating: Place(), count: 8192)
    private var answers = [Tally](repeating: Tally(), count: 4096)
    /// By the asker alone: two askers may share one.
    private var lost = Allowances(bits: 10, seconds: Self.seconds)

    /// Notes a question.
    ///
    /// - Parameters:
    ///   - isToGroup: whether all members of its destination are asked.
    ///   - station: the host that asks, whatever its source address says.
    mutating func ask(_ packet: Packet, isToGroup: Bool, by station: Station, second: Int) {
        let member = isToGroup ? IPAddress.unspecified : packet.destination
        ask(
            packet, as: Self.key(packet.source, member),
            port: packet.ipProtocol == 17 ? packet.sourcePort : 0, station, second)
    }

    /// Notes a query for the groups of which the hosts of a link are members.
    mutating func askForGroups(_ packet: Packet, by station: Station, second: Int) {
        ask(packet, as: Self.groups, port: 0, station, second)
    }

    private mutating func ask(
        _ packet: Packet, as asker: UInt64, port: UInt16, _ station: Station, _ second: Int
    ) {
        let key = Self.key(asker, port)
        let index = Int(key >> 51)
        // A question that goes out to the members is one that came in.
        if packet.packetType == .outgoing, station.port != Station.node,
            places[index].key == key, places[index].isFresh(second)
        {
            return
        }
        if places[index].key != key || !places[index].isFresh(second) {
            if places[index].key != key, places[index].isFresh(second) {
                let old = places[index]
                lost.add(old.count, at: Int(old.asker >> 54), second: second)
            }
            places[index] = Place(key: key, asker: asker)
        }
        places[index].second = second
        places[index].count += 1
        places[index].station = station
    }

    /// Counts an echo reply; returns whether its receiver has sent the group at least as many echo
    /// requests as the host replies.
    mutating func isReply(_ packet: Packet, by station: Station, second: Int) -> Bool {
        isAnswer(
            packet, to: Self.key(packet.destination, .unspecified), port: 0, each: 1, station,
            second)
    }

    /// Counts a report of a group; returns whether another host has asked for it.
    mutating func isReport(_ packet: Packet, by station: Station, second: Int) -> Bool {
        isAnswer(packet, to: Self.groups, port: 0, each: Self.groupsEach, station, second)
    }

    /// Counts a datagram that begins a flow; returns whether its receiver has asked for it.
    ///
    /// - Parameter isToGroup: whether it asked a group, or the sender itself.
    mutating func isAnswer(
        _ packet: Packet, isToGroup: Bool, by station: Station, second: Int
    ) -> Bool {
        isAnswer(
            packet, to: Self.key(packet.destination, isToGroup ? .unspecified : packet.source),
            port: packet.destinationPort, each: Self.flowsEach, station, second)
    }

    private mutating func isAnswer(
        _ packet: Packet, to asker: UInt64, port: UInt16, each: Int, _ station: Station,
        _ second: Int
    ) -> Bool {
        let key = Self.key(asker, port)
        let place = places[Int(key >> 51)]
        // Nobody is asked by himself.
        if place.key == key, place.isFresh(second) {
            return !place.station.isSame(as: station)
                && count(packet.source, key, second) <= place.count * each
        }
        let gone = lost.count(at: Int(asker >> 54), second: second)
        guard gone > 0 else { return false }
        return count(packet.source, asker, second) <= gone * each
    }

    /// Counts an answer of a host.
    private mutating func count(_ host: IPAddress, _ question: UInt64, _ second: Int) -> Int {
        let key = DistinctWindow.mix(question ^ host.high ^ host.low &* 3) | 1
        let index = Int(key >> 52)
        if answers[index].key != key || second - answers[index].second > Self.seconds {
            answers[index] = Tally(key: key)
        }
        answers[index].second = second
        answers[index].count += 1
        return answers[index].count
    }

    /// Stands for all that ask for groups.
    private static let groups = key(.unspecified, .unspecified)

    private static func key(_ asker: IPAddress, _ member: IPAddress) -> UInt64 {
        DistinctWindow.mix(
            DistinctWindow.mix(asker.high ^ asker.low &* 3) ^ member.high ^ member.low &* 5)
    }

    private static func key(_ asker: UInt64, _ port: UInt16) -> UInt64 {
        DistinctWindow.mix(asker &+ UInt64(port)) | 1
    }
}
