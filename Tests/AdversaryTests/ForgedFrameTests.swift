import Foundation
import NetworkAddresses
import TestKit
import Testing

/// Forged frames of every kind that a host can write: whoever is in them is not fenced, and their
/// sender does not escape by them.
struct ForgedFrameTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    /// The packets of a flood with a neighbour's address, each wrapped by `frame`.
    private func flood(
        _ from: Member, count: Int = 2500,
        _ frame: (_ segment: [UInt8], _ number: Int) -> [UInt8]
    ) -> Attack {
        var attack = Attack()
        if from.port != nil {
            attack.gratuitous(at: -5, Member.offender.at("v1"))
            attack.gratuitous(at: -4, Member.neighbour.at("v2"))
        }
        for number in 0..<count {
            let segment = Frame.tcp(
                UInt16(20_000 + number), 5432, flags: 2, sequence: UInt32(number))
            attack.add(
                Double(number) / 500, from, .databaseByGateway, frame(segment, number))
        }
        return attack
    }

    private static func neighbours(_ segment: [UInt8], options: [UInt8] = []) -> [UInt8] {
        Frame.ipv4(
            Member.neighbour.address, Member.database.address, 6, segment, options: options)
    }

    /// Only the sender is accused with evidence, and only it is fenced.
    private func expect(
        _ attack: Attack, by offender: String = Member.offender.address, fenced: Set<String>,
        evidence: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == fenced, "\(outcome)", sourceLocation: sourceLocation)
        #expect(
            outcome.alerts(on: offender).contains { $0.evidence == evidence },
            "\(outcome.alerts)", sourceLocation: sourceLocation)
        #expect(
            outcome.alerts.allSatisfy {
                $0.offender == offender || $0.decision == "watch"
            }, "\(outcome.alerts)", sourceLocation: sourceLocation)
    }

    /// One VLAN tag, two, and two of the same kind: the frame's sender is the same.
    @Test(arguments: [[0x8100], [0x88A8, 0x8100], [0x8100, 0x8100]] as [[UInt16]])
    func vlanTags(_ tags: [UInt16]) throws {
        func tagged(_ segment: [UInt8]) -> [UInt8] {
            tags.flatMap { Frame.bytes(UInt64($0), 2) + [0, 7] } + [8, 0]
                + Self.neighbours(segment)
        }
        try expect(
            flood(Member.neighbour.by(.offender)) { segment, _ in tagged(segment) },
            fenced: [Member.offender.card], evidence: "mac")
        try expect(
            flood(Member.neighbour.by(.offender).at("v1")) { segment, _ in tagged(segment) },
            fenced: ["port:v1"], evidence: "port")
    }

    /// A source route (RFC 791) by which answers would come to the attacker.
    @Test func sourceRoutes() throws {
        let route: [UInt8] = [0x83, 7, 4, 10, 60, 4, 11, 0]
        try expect(
            flood(Member.neighbour.by(.offender)) { segment, _ in
                [8, 0] + Self.neighbours(segment, options: route)
            }, fenced: [Member.offender.card], evidence: "mac")
    }

    /// The gateway's MAC address as source: at a port it is the port's host, elsewhere nobody.
    @Test func theGatewaysMACAddress() throws {
        let gateway = Member(Member.neighbour.address, card: Member.gateway.card)
        try expect(
            flood(gateway.at("v1")) { segment, _ in [8, 0] + Self.neighbours(segment) },
            fenced: ["port:v1"], evidence: "port")
        let outcome = try bench.judge(
            flood(gateway) { segment, _ in [8, 0] + Self.neighbours(segment) })
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// A group's or no MAC address as source.
    @Test(arguments: ["01:00:5e:00:00:01", "00:00:00:00:00:00"])
    func macAddressesOfNobody(_ card: String) throws {
        let nobody = Member(Member.neighbour.address, card: card)
        try expect(
            flood(nobody.at("v1")) { segment, _ in [8, 0] + Self.neighbours(segment) },
            fenced: ["port:v1"], evidence: "port")
        let outcome = try bench.judge(
            flood(nobody) { segment, _ in [8, 0] + Self.neighbours(segment) })
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Addresses that are no host's: broadcast, multicast, loopback, none, outside.
    @Test(arguments: ["10.60.4.63", "255.255.255.255", "224.0.0.9", "0.0.0.0", "192.0.2.9"])
    func addressesOfNobody(_ source: String) throws {
        func frame(_ segment: [UInt8]) -> [UInt8] {
            [8, 0] + Frame.ipv4(source, Member.database.address, 6, segment)
        }
        for port in [nil, "v1"] {
            let from = Member(source, card: Member.offender.card, port: port)
            let outcome = try bench.judge(flood(from) { segment, _ in frame(segment) })
            #expect(
                outcome.alerts(on: Member.offender.address).contains {
                    $0.decision == "quarantine" && $0.evidence == (port == nil ? "mac" : "port")
                }, "\(source) \(outcome.alerts)")
            #expect(
                outcome.fenced.isSubset(of: [
                    "port:v1", Member.offender.card, Member.offender.address,
                ]) && !outcome.fenced.isEmpty, "\(source) \(outcome.fenced)")
        }
    }

    /// An IPv6 packet with the neighbour's IPv4 address as a mapped one.
    @Test func mappedAddresses() throws {
        func frame(_ segment: [UInt8]) -> [UInt8] {
            let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
            return [0x86, 0xDD, 0x60, 0, 0, 0] + Frame.bytes(UInt64(segment.count), 2) + [6, 64]
                + mapped + Frame.address(Member.neighbour.address).bytes
                + mapped + Frame.address(Member.database.address).bytes + segment
        }
        try expect(
            flood(Member.neighbour.by(.offender).at("v1")) { segment, _ in frame(segment) },
            fenced: ["port:v1"], evidence: "port")
    }

    /// The neighbour's IPv6 address behind extension headers.
    @Test func extensionHeaders() throws {
        let owner = Member("fd60:4::13", card: Member.neighbour.card, port: "v2")
        let own = Member("fd60:4::11", card: Member.offender.card, port: "v1")
        var attack = flood(Member.offender.at("v1"), count: 2500) { segment, _ in
            let headers: [UInt8] = [60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0]
            return [0x86, 0xDD]
                + Frame.ipv6(owner.address, "fd60:3::5", 0, headers + segment)
        }
        attack.neighbour(at: -4, owner, owner.address, to: own)
        attack.neighbour(at: -4, own, own.address, to: owner)
        for number in 0..<4 {
            attack.ip6(
                at: -3 + Double(number) / 10, owner, Member("fd60:3::5"), next: 58,
                Frame.icmp(type: 128, code: 0, rest: 7))
        }
        try expect(attack, by: own.address, fenced: ["port:v1"], evidence: "port")
    }

    /// The first fragment bears the neighbour's address, the others the sender's own.
    @Test func fragmentsWithTwoSources() throws {
        var attack = Attack()
        let own = Member.offender.at("v1")
        attack.gratuitous(at: -5, own)
        attack.gratuitous(at: -4, Member.neighbour.at("v2"))
        for number in 0..<2500 {
            let time = Double(number) / 500
            let datagram = Frame.udp(
                UInt16(20_000 + number), 5432, [UInt8](repeating: 0, count: 32))
            let identifier = UInt16(number)
            attack.add(
                time, own, .databaseByGateway,
                [8, 0]
                    + Frame.ipv4(
                        Member.neighbour.address, Member.database.address, 17,
                        Array(datagram.prefix(24)), identifier: identifier, fragment: 0x2000))
            attack.add(
                time, own, .databaseByGateway,
                [8, 0]
                    + Frame.ipv4(
                        own.address, Member.database.address, 17, Array(datagram.dropFirst(24)),
                        identifier: identifier, fragment: 3))
        }
        try expect(attack, fenced: ["port:v1"], evidence: "port")
    }

    /// A DHCP client that gives another's MAC address inside its message accuses nobody.
    @Test func dhcpWithAnothersMACAddress() throws {
        var attack = Attack()
        attack.gratuitous(at: -5, Member.offender.at("v1"))
        for number in 0..<20 {
            let message: [UInt8] =
                [1, 1, 6, 0] + [UInt8](repeating: 7, count: 24)
                + Attack.bytes(Member.neighbour.card) + [UInt8](repeating: 0, count: 206)
            attack.udp(
                at: Double(number),
                Member("0.0.0.0", card: Member.offender.card, port: "v1"), .everyone, 68, 67,
                message)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.alerts.isEmpty && outcome.fenced.isEmpty, "\(outcome)")
    }

    /// An ARP announcement in the neighbour's frame: the neighbour's MAC address as source, and in
    /// the message. Without ports it is the neighbour's word; it is not fenced for it.
    @Test func announcementsInTheNeighboursName() throws {
        for port in [nil, "v1"] {
            var attack = Attack()
            if port != nil { attack.gratuitous(at: -5, Member.offender.at("v1")) }
            let forger = Member(Member.neighbour.address, card: Member.neighbour.card, port: port)
            for number in 0..<30 {
                attack.arpReply(
                    at: Double(number), forger, Member.gateway.address, to: .bystander)
            }
            let outcome = try bench.judge(attack)
            #expect(!outcome.fenced.contains(Member.neighbour.address), "\(outcome)")
            #expect(!outcome.fenced.contains(Member.neighbour.card), "\(outcome)")
            #expect(outcome.fenced == (port == nil ? [] : ["port:v1"]), "\(outcome)")
            if port != nil {
                #expect(outcome.alerts.allSatisfy { $0.offender == Member.offender.address })
            }
        }
    }

    /// Claims for many addresses that nobody has do not keep the claim for the gateway from being
    /// seen.
    @Test func claimsForManyAddressesHideNone() throws {
        var attack = Attack()
        let own = Member.offender.at("v1")
        attack.gratuitous(at: -5, own)
        for number in 0..<400 {
            attack.arpReply(
                at: Double(number) / 40, own, "10.60.4.\(20 + number % 42)", to: .bystander)
        }
        attack.arpReply(at: 10.5, own, Member.gateway.address, to: .bystander)
        let outcome = try bench.judge(attack)
        #expect(
            outcome.fenced.contains("port:v1")
                && outcome.fenced.isSubset(of: ["port:v1", own.address, own.card]), "\(outcome)")
        #expect(outcome.alerts.contains { $0.pattern == "arp_spoofing" }, "\(outcome.alerts)")
        #expect(outcome.alerts.allSatisfy { $0.offender == own.address }, "\(outcome.alerts)")
    }

    /// Packets of a tunnel from outside with a container's address inside: the tunnel's other end
    /// answers, by its address alone.
    @Test func theOuterSourceOfATunnelAnswers() throws {
        var attack = Attack()
        let outside = Member("198.51.100.9", card: Member.outside.card)
        for number in 0..<2500 {
            let segment = Frame.tcp(
                UInt16(20_000 + number), 5432, flags: 2, sequence: UInt32(number))
            let inner = Frame.ethernet(0x0800, Self.neighbours(segment))
            attack.udp(
                at: Double(number) / 500, outside, .web, 50_000, 4789,
                Frame.vxlan(7, inner))
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(outcome.alerts(on: Member.neighbour.address).isEmpty, "\(outcome.alerts)")
        #expect(
            outcome.alerts(on: outside.address).contains {
                $0.evidence == "address" && $0.target == Member.database.address
            }, "\(outcome.alerts)")
    }

    /// The containers of another node in an overlay are the senders of what they send.
    @Test func containersOfAnotherNodeAnswerForThemselves() throws {
        var attack = Attack()
        let node = Member("198.51.100.9", card: Member.outside.card)
        for number in 0..<2500 {
            let segment = Frame.tcp(
                UInt16(20_000 + number), 5432, flags: 2, sequence: UInt32(number))
            let inner = Frame.ethernet(
                0x0800, Frame.ipv4("10.60.4.50", Member.database.address, 6, segment))
            attack.udp(
                at: Double(number) / 500, node, .web, 50_000, 4789, Frame.vxlan(7, inner))
        }
        let outcome = try bench.judge(attack)
        #expect(!outcome.alerts(on: "10.60.4.50").isEmpty, "\(outcome.alerts)")
        #expect(outcome.alerts(on: node.address).isEmpty, "\(outcome.alerts)")
    }

    /// A service that goes down: one low alert on the server, none on its clients.
    @Test func aServiceThatRefusesItsClientsIsTheIncident() throws {
        var attack = Attack()
        attack.outage(of: (11...15).map { Member("10.60.2.\($0)") }, seconds: 70, rate: 20)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        let server = outcome.alerts(on: Member.database.address)
        #expect(
            server.contains {
                $0.pattern == "service_refuses_its_clients" && $0.decision == "watch"
            },
            "\(outcome.alerts)")
        #expect(
            outcome.alerts.allSatisfy {
                $0.pattern == "service_refuses_its_clients"
                    && $0.offender == Member.database.address
            }, "\(outcome.alerts)")
    }
}

extension Member {
    /// The database, by the gateway of the network of the jobs.
    fileprivate static let databaseByGateway = Member(
        database.address, card: gateway.card)
}
