import NetworkAddresses
import TestKit
import Testing

/// Abuse of broadcast and multicast: what all hosts of a link receive, and what they all answer.
struct BroadcastTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    /// The hosts of the offender's network that answer pings of all of it.
    private static let repliers = [12, 14, 15, 16, 17, 18].map { Member("10.60.4.\($0)") }

    /// Pings of a whole network in the name of a neighbour, which gets all replies (smurf).
    @Test func aSmurfIsHeldAgainstItsSenderAndNotAgainstTheHostsThatReply() throws {
        var attack = Attack()
        let victim = Member.neighbour
        let network = Member("10.60.4.63", card: "ff:ff:ff:ff:ff:ff")
        for number in 0..<3000 {
            let time = Double(number) / 250
            attack.ping(at: time, victim.by(.offender), network)
            for (place, replier) in Self.repliers.enumerated() {
                attack.pong(at: time + Double(place + 1) / 10_000, replier, victim)
            }
        }
        let outcome = try bench.judge(attack)
        expectBroadcastFlood(outcome)
        for host in Self.repliers + [victim] {
            #expect(outcome.alerts(on: host.address).isEmpty, "\(outcome)")
        }
    }

    /// The same over IPv6, to all nodes of the link.
    @Test func aSmurfOverIPv6() throws {
        var attack = Attack()
        func member(_ number: Int) -> Member {
            Member("fd00:60:4::\(number)", card: "02:42:0a:3c:04:" + Member.hex(number))
        }
        // All have sent with their own addresses before.
        for number in 11...18 {
            attack.ping6(at: -20, member(number), member(number == 11 ? 12 : 11))
        }
        let group = Member("ff02::1", card: "33:33:00:00:00:01")
        let victim = member(13)
        for number in 0..<3000 {
            let time = Double(number) / 250
            attack.ping6(at: time, victim.by(.offender), group)
            for place in 14...18 {
                attack.ping6(
                    at: time + Double(place) / 10_000, member(place), victim, isReply: true)
            }
        }
        let outcome = try bench.judge(attack)
        expectBroadcastFlood(outcome)
        // Hosts are named by the address that the inventory has for their MAC address.
        for number in 12...18 {
            #expect(
                outcome.alerts(on: "10.60.4.\(number)").allSatisfy {
                    $0.pattern == "contact_never_seen_before"
                },
                "\(outcome)")
        }
    }

    /// More replies than pings are a flood of replies.
    @Test func aFewPingsOfANetworkExcuseNoFloodOfReplies() throws {
        var attack = Attack()
        attack.ping(
            at: 0, .neighbour, Member("10.60.4.63", card: "ff:ff:ff:ff:ff:ff"))
        for number in 0..<6000 {
            attack.pong(at: 0.1 + Double(number) / 500, .offender, .neighbour)
        }
        let outcome = try bench.judge(attack)
        let patterns = Set(outcome.alerts(on: Member.offender.address).map(\.pattern))
        #expect(patterns.contains("reply_flood"), "\(outcome)")
    }

    /// Datagrams to all hosts of the link.
    @Test(arguments: [
        ("255.255.255.255", "ff:ff:ff:ff:ff:ff"), ("10.60.4.63", "ff:ff:ff:ff:ff:ff"),
        ("224.0.0.251", "01:00:5e:00:00:fb"),
    ])
    func aFloodOfDatagramsToAllHosts(address: String, card: String) throws {
        var attack = Attack()
        for number in 0..<4000 {
            attack.udp(
                at: Double(number) / 500, .offender, Member(address, card: card),
                UInt16(20_000 + number % 1000), 9, [UInt8](repeating: 0, count: 64))
        }
        expectBroadcastFlood(try bench.judge(attack))
    }

    /// Datagrams to all nodes or routers of the link, or to a group of discovery, over IPv6, also
    /// behind options.
    @Test(
        arguments: [
            ("ff02::1", "33:33:00:00:00:01"), ("ff02::2", "33:33:00:00:00:02"),
            ("ff02::fb", "33:33:00:00:00:fb"),
        ], [false, true])
    func aFloodOfDatagramsToAllNodes(group: (address: String, card: String), hasOptions: Bool)
        throws
    {
        var attack = Attack()
        let own = Member("fd00:60:4::11", card: Member.offender.card)
        attack.ping6(at: -20, own, Member("fd00:60:4::12", card: "02:42:0a:3c:04:0c"))
        let to = Member(group.address, card: group.card)
        for number in 0..<4000 {
            let datagram = Frame.udp(
                UInt16(20_000 + number % 1000), 9, [UInt8](repeating: 0, count: 64))
            attack.ip6(
                at: Double(number) / 500, own, to, next: hasOptions ? 0 : 17,
                (hasOptions ? [17, 0, 1, 4, 0, 0, 0, 0] : []) + datagram)
        }
        expectBroadcastFlood(try bench.judge(attack))
    }

    private func expectBroadcastFlood(
        _ outcome: Outcome, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(
            alerts.contains { $0.pattern == "broadcast_flood" && $0.technique == "T1498.002" },
            "\(outcome)", sourceLocation: sourceLocation)
        let own: Set<String> = [Member.offender.address, Member.offender.card]
        #expect(
            !outcome.fenced.isEmpty && outcome.fenced.isSubset(of: own), "\(outcome)",
            sourceLocation: sourceLocation)
    }

    /// Discovery, a stream to a group that its receivers joined, and one ping of the network.
    @Test func ordinaryMulticastIsQuiet() throws {
        var traffic = Attack()
        let printers = Member("224.0.0.251", card: "01:00:5e:00:00:fb")
        for number in 0..<100 {
            traffic.udp(
                at: Double(number) / 20, .neighbour, printers, 5353, 5353,
                [UInt8](repeating: 0, count: 100))
        }
        let stream = Member("239.1.2.3", card: "01:00:5e:01:02:03")
        for number in 0..<5000 {
            traffic.udp(
                at: Double(number) / 500, .offender, stream, 5004, 5004,
                [UInt8](repeating: 0, count: 200))
        }
        for number in 0..<3 {
            let time = 3 + Double(number)
            traffic.ping(
                at: time, .neighbour, Member("10.60.4.63", card: "ff:ff:ff:ff:ff:ff"))
            for replier in Self.repliers { traffic.pong(at: time + 0.001, replier, .neighbour) }
        }
        let outcome = try bench.judge(traffic)
        #expect(
            outcome.alerts.allSatisfy { $0.pattern == "contact_never_seen_before" },
            "\(outcome.alerts)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }
}

extension Attack {
    fileprivate mutating func pong(at seconds: Double, _ from: Member, _ to: Member) {
        let echo = Frame.icmp(type: 0, code: 0, rest: 7, [UInt8](repeating: 0, count: 16))
        add(seconds, from, to, [8, 0] + Frame.ipv4(from.address, to.address, 1, echo))
    }

    fileprivate mutating func ping6(
        at seconds: Double, _ from: Member, _ to: Member, isReply: Bool = false
    ) {
        ip6(
            at: seconds, from, to, next: 58,
            Frame.icmp(
                type: isReply ? 129 : 128, code: 0, rest: 7, [UInt8](repeating: 0, count: 16)))
    }
}
