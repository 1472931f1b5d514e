import NetworkAddresses
import TestKit

/// Messages by which hosts learn addresses and routes of their link.
extension Attack {
    /// ARP replies: `address` is at `card`, sent by `from`.
    mutating func arpReply(
        at seconds: Double, _ from: Member, _ address: String, card: String? = nil,
        to victim: Member
    ) {
        var packet = Frame.arp(operation: 2, address, victim.address)
        packet.replaceSubrange(8..<14, with: Self.bytes(card ?? from.card))
        packet.replaceSubrange(18..<24, with: Self.bytes(victim.card))
        add(seconds, from, victim, [8, 6] + packet)
    }

    /// A gratuitous ARP request of `from` for its own address.
    mutating func gratuitous(at seconds: Double, _ from: Member) {
        var packet = Frame.arp(operation: 1, from.address, from.address)
        packet.replaceSubrange(8..<14, with: Self.bytes(from.card))
        add(seconds, from, .everyone, [8, 6] + packet)
    }

    /// Members that are known at their ports: each announces its address, and uses the database.
    mutating func introduce(_ members: Member...) {
        for (number, member) in members.enumerated() {
            let start = -2 + Double(number) / 100
            gratuitous(at: start - 1, member)
            visit(
                at: start, member, Member.database.at("veth-database"),
                from: UInt16(29_000 + number), port: 5432)
        }
    }

    /// An attacker between `victim` and `peer`, as `arpspoof` makes it: an ARP reply to each of
    /// them every two seconds.
    mutating func poison(
        _ from: Member, _ victim: Member, _ peer: Member, seconds: Double = 30, start: Double = 0
    ) {
        for number in 0..<Int(seconds / 2) {
            let time = start + Double(number) * 2
            arpReply(at: time, from, peer.address, to: victim)
            arpReply(at: time + 0.001, from, victim.address, to: peer)
        }
    }

    mutating func ip6(
        at seconds: Double, _ from: Member, _ to: Member, next: UInt8, _ payload: [UInt8]
    ) {
        add(
            seconds, from, to,
            [0x86, 0xDD] + Frame.ipv6(from.address, to.address, next, payload))
    }

    /// A neighbour advertisement: `address` is at `card`.
    mutating func neighbour(
        at seconds: Double, _ from: Member, _ address: String, card: String? = nil,
        to victim: Member
    ) {
        let message =
            Frame.icmp(type: 136, code: 0, rest: 0x6000_0000, Frame.address(address).bytes)
            + [2, 1] + Self.bytes(card ?? from.card)
        ip6(at: seconds, from, victim, next: 58, message)
    }

    /// A neighbour solicitation for `target`.
    mutating func solicit(at seconds: Double, _ from: Member, for target: String) {
        let bytes = Frame.address(target).bytes
        let end = bytes[13...].map { Member.hex(Int($0)) }
        let group = Member(
            "ff02::1:ff\(end[0]):\(end[1])\(end[2])", card: "33:33:ff:" + end.joined(separator: ":")
        )
        let message =
            Frame.icmp(type: 135, code: 0, rest: 0, bytes) + [1, 1] + Self.bytes(from.card)
        ip6(at: seconds, from, group, next: 58, message)
    }

    mutating func routerAdvertisement(
        at seconds: Double, _ from: Member, networks: [String] = []
    ) {
        let options = networks.flatMap { network in
            [3, 4, 64, 0xC0] + Frame.bytes(7200, 4) + Frame.bytes(3600, 4) + Frame.bytes(0, 4)
                + Frame.address(network).bytes
        }
        let message = Frame.icmp(
            type: 134, code: 0, rest: 0x4000_0708, [UInt8](repeating: 0, count: 8) + options)
        ip6(at: seconds, from, Member("ff02::1", card: "33:33:00:00:00:01"), next: 58, message)
    }

    /// A redirect of `victim`'s packets, in the gateway's name.
    ///
    /// - Parameter hop: the next hop that it names; nil: its sender.
    mutating func redirect(
        at seconds: Double, _ from: Member, to victim: Member, hop: String? = nil
    ) {
        if from.address.contains(":") {
            let message = Frame.icmp(
                type: 137, code: 0,
                Frame.address(hop ?? from.address).bytes + Frame.address("2001:db8::7").bytes)
            return ip6(at: seconds, from, victim, next: 58, message)
        }
        let quoted = Frame.ipv4(
            victim.address, "198.51.100.7", 6, [UInt8](repeating: 0, count: 8))
        let message = [5, 1, 0, 0] + Frame.address(hop ?? from.address).bytes + quoted
        add(seconds, from, victim, [8, 0] + Frame.ipv4(from.address, victim.address, 1, message))
    }

    /// An offer of a DHCP server.
    mutating func dhcpOffer(at seconds: Double, _ from: Member, to client: Member) {
        let message: [UInt8] = [2, 1, 6, 0] + [UInt8](repeating: 7, count: 236)
        udp(at: seconds, from, client, 67, 68, message)
    }

    /// An ICMP error about a packet from `port` to `source` of its sender.
    mutating func unreachable(
        at seconds: Double, _ from: Member, _ to: Member, about: Member? = nil,
        ipProtocol: UInt8 = 17, source: UInt16, port: UInt16
    ) {
        let quoted =
            about == nil
            ? Frame.udp(source, port, [UInt8](repeating: 0, count: 8))
            : Frame.tcp(port, source, flags: 0x02)
        let packet = Frame.ipv4(to.address, (about ?? from).address, ipProtocol, quoted)
        add(
            seconds, from, to,
            [8, 0]
                + Frame.ipv4(
                    from.address, to.address, 1,
                    Frame.icmp(type: 3, code: 3, Array(packet.prefix(28)))))
    }

    /// A DNS query, or its answer.
    mutating func ask(
        at seconds: Double, _ from: Member, _ to: Member, _ client: UInt16, _ name: String,
        isAnswer: Bool = false
    ) {
        udp(
            at: seconds, from, to, isAnswer ? 53 : client, isAnswer ? client : 53,
            Frame.dns(name, isResponse: isAnswer))
    }

    mutating func udp(
        at seconds: Double, _ from: Member, _ to: Member, _ source: UInt16, _ destination: UInt16,
        _ payload: [UInt8]
    ) {
        add(
            seconds, from, to,
            [8, 0]
                + Frame.ipv4(
                    from.address, to.address, 17, Frame.udp(source, destination, payload)))
    }
}

extension Member {
    static let everyone = Member("255.255.255.255", card: "ff:ff:ff:ff:ff:ff")
    /// The gateway of the network of the jobs.
    static let gateway = Member("10.60.4.1", card: "02:42:9f:80:cb:8e")
    /// A host of the network of the jobs.
    static let bystander = Member("10.60.4.14")
}
