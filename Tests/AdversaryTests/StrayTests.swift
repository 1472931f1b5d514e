import NetworkAddresses
import TestKit
import Testing

/// Packets that no flow of a host has: a flood of any of them is somebody's, and ordinary rates are
/// nobody's.
struct StrayTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let own6 = Member("fd00:60:4::11", card: Member.offender.card)
    private static let neighbour6 = Member("fd00:60:4::13", card: Member.neighbour.card)

    /// The only host that is accused and fenced is the sender.
    private func expectOffender(
        _ attack: Attack, patterns: Set<String>,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try bench.judge(attack)
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(
            alerts.contains { patterns.contains($0.pattern) && $0.decision == "quarantine" },
            "\(outcome)", sourceLocation: sourceLocation)
        let own: Set<String> = [Member.offender.address, Member.offender.card]
        #expect(
            !outcome.fenced.isEmpty && outcome.fenced.isSubset(of: own), "\(outcome)",
            sourceLocation: sourceLocation)
        #expect(
            outcome.alerts.allSatisfy { $0.offender == Member.offender.address }, "\(outcome)",
            sourceLocation: sourceLocation)
    }

    /// Frames without an IP packet, to one host and to all bridges, and one below more tags than
    /// any host accepts.
    @Test(arguments: [
        ("02:42:0a:3c:04:0d", [UInt8]([0x88, 0xB5]), "packet_flood"),
        ("01:80:c2:00:00:00", [0, 0x26, 0x42, 0x42, 3], "broadcast_flood"),
        (
            "02:42:0a:3c:04:0d", [[UInt8]](repeating: [0x81, 0, 0, 7], count: 40).flatMap(\.self),
            "packet_flood"
        ),
    ])
    func aFloodOfFramesWithoutIP(card: String, head: [UInt8], pattern: String) throws {
        var attack = Attack()
        let frame = head + [UInt8](repeating: 0, count: 80)
        for number in 0..<6000 {
            attack.add(Double(number) / 1000, .offender, Member("0.0.0.0", card: card), frame)
        }
        try expectOffender(attack, patterns: [pattern])
    }

    /// ICMPv6 messages of discovery, of unknown types, and questions about nodes, to one host.
    @Test(arguments: [UInt8(5), 100, 133, 135, 139, 143, 200])
    func aFloodOfICMPv6(type: UInt8) throws {
        var attack = Attack()
        let message = Frame.icmp(
            type: type, code: 0, rest: 0, [0xFD] + [UInt8](repeating: 0, count: 60))
        for number in 0..<6000 {
            attack.ip6(
                at: Double(number) / 1000, Self.own6, Self.neighbour6, next: 58, message)
        }
        try expectOffender(attack, patterns: ["packet_flood", "icmp_tunnel"])
    }

    /// ICMP errors about packets of GRE that nobody sent, to a neighbour and to a host outside.
    @Test(arguments: [Member.neighbour, Member("203.0.113.9", card: Member.outside.card)])
    func aFloodOfErrorsAboutUnseenPackets(to target: Member) throws {
        var attack = Attack()
        let quoted = Frame.ipv4(
            target.address, Member.offender.address, 47, [0, 0, 8, 0, 1, 2, 3, 4])
        let error = Frame.icmp(
            type: 3, code: 1, rest: 0, quoted + [UInt8](repeating: 7, count: 200))
        for number in 0..<6000 {
            attack.add(
                Double(number) / 1000, .offender, target,
                [8, 0] + Frame.ipv4(Member.offender.address, target.address, 1, error))
        }
        try expectOffender(attack, patterns: ["reply_flood", "icmp_tunnel"])
    }

    /// Who answers each packet of a protocol that it does not have is not accused.
    @Test func whoAnswersPacketsOfAnUnknownProtocolIsNotAccused() throws {
        var attack = Attack()
        let packet = Frame.ipv4(
            Member.offender.address, Member.neighbour.address, 200, [1, 2, 3, 4, 5, 6, 7, 8])
        let error = Frame.ipv4(
            Member.neighbour.address, Member.offender.address, 1,
            Frame.icmp(type: 3, code: 2, rest: 0, packet))
        for number in 0..<6000 {
            let time = Double(number) / 600
            attack.add(time, .offender, .neighbour, [8, 0] + packet)
            attack.add(time + 0.000_4, .neighbour, .offender, [8, 0] + error)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.alerts(on: Member.neighbour.address).isEmpty, "\(outcome)")
        #expect(!outcome.alerts(on: Member.offender.address).isEmpty, "\(outcome)")
    }

    /// Datagrams to an address of a group, in frames to one host.
    @Test(arguments: ["224.0.0.1", "239.1.2.3", "255.255.255.255", "10.60.4.63"])
    func aFloodToAGroupInFramesToOneHost(address: String) throws {
        var attack = Attack()
        for number in 0..<6000 {
            attack.udp(
                at: Double(number) / 1000, .offender,
                Member(address, card: Member.neighbour.card), 40_000, UInt16(53 + number % 1000),
                [UInt8](repeating: 0, count: 200))
        }
        try expectOffender(
            attack, patterns: ["port_scan", "packet_flood", "broadcast_flood"])
    }

    /// Spanning tree, LLDP, membership reports, and neighbours that look for each other.
    @Test func ordinaryRatesAreQuiet() throws {
        var traffic = Attack()
        let bridges = Member("0.0.0.0", card: "01:80:c2:00:00:00")
        let all = Member("224.0.0.22", card: "01:00:5e:00:00:16")
        let solicitation = Frame.icmp(
            type: 135, code: 0, rest: 0, Frame.address(Self.own6.address).bytes)
        for number in 0..<60 {
            let time = Double(number)
            traffic.add(
                time, .offender, bridges,
                [0, 0x26, 0x42, 0x42, 3] + [UInt8](repeating: 0, count: 35))
            traffic.add(
                time + 0.1, .offender, bridges,
                [0x88, 0xCC] + [UInt8](repeating: 1, count: 60))
            traffic.add(
                time + 0.2, .offender, all,
                [8, 0] + Frame.ipv4(Member.offender.address, all.address, 2, [0x22, 0, 0, 0]))
            for ask in 0..<10 {
                traffic.ip6(
                    at: time + 0.3 + Double(ask) / 100, Self.neighbour6, Self.own6, next: 58,
                    solicitation)
            }
        }
        let outcome = try bench.judge(traffic)
        #expect(
            outcome.alerts.allSatisfy { $0.pattern == "contact_never_seen_before" },
            "\(outcome.alerts)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// In the first seconds, by a host that has opened no flow: the refusals show it.
    @Test func anACKScanInTheFirstSeconds() throws {
        var attack = Attack()
        for number in 0..<600 {
            let (time, port) = (-187 + Double(number) / 100, UInt16(1 + number))
            attack.tcp(at: time, .offender, .neighbour, 40_000, port, flags: 0x10)
            attack.tcp(at: time + 0.001, .neighbour, .offender, port, 40_000, flags: 0x04)
        }
        try expectOffender(attack, patterns: ["ack_scan"])
    }
}
