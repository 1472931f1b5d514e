import TestKit
import Testing

/// Addresses and roles that move between hosts in the open, and who only pretends that they do.
struct ServiceAddressTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let first = Member.web.at("veth-first")
    private static let second = Member("10.60.1.12").at("veth-second")
    private static let client = Member("10.60.1.22").at("veth-client")
    private static let address = "10.60.1.100"

    /// The service address at a host.
    private static func service(at host: Member) -> Member { Member(address).by(host) }

    /// A host announces the service address, and serves it for some seconds.
    private static func serve(
        _ host: Member, from start: Double, seconds: Double, isAnnounced: Bool = true,
        in attack: inout Attack
    ) {
        if isAnnounced {
            for number in 0..<5 {
                attack.gratuitous(at: start + Double(number) / 100, service(at: host))
            }
        }
        for number in 0..<Int(seconds * 2) {
            attack.visit(
                at: start + 0.2 + Double(number) / 2, client, service(at: host),
                from: UInt16(20_000 + Int(start) * 10 + 500 + number), port: 80)
        }
    }

    /// Both hosts go on under their own addresses, and the first one serves.
    private static func traffic() -> Attack {
        var traffic = Attack()
        for host in [first, second, client] { traffic.gratuitous(at: -40, host) }
        for number in 0..<80 {
            for (place, host) in [first, second].enumerated() {
                traffic.visit(
                    at: Double(number) - 35 + Double(place) / 10, host, .database,
                    from: UInt16(15_000 + number + place * 1000), port: 5432)
            }
        }
        serve(first, from: -30, seconds: 30, in: &traffic)
        return traffic
    }

    /// VRRP without a virtual MAC address: the second host takes the address over, for good, or the
    /// first one gets it back, once or again.
    @Test(arguments: [1, 2, 3]) func aServiceAddressThatMovesIsWatched(moves: Int) throws {
        var traffic = Self.traffic()
        for move in 0..<moves {
            Self.serve(
                move % 2 == 0 ? Self.second : Self.first, from: 0.1 + Double(move) * 15,
                seconds: move == moves - 1 ? 30 : 14.5, in: &traffic)
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts(on: Self.second.address).isEmpty, "\(outcome)")
    }

    /// Who announces the address while its holder goes on is fenced, also if the holder defends it
    /// by announcements of its own (RFC 5227).
    @Test(arguments: [true, false]) func whoTakesAnAddressInUseIsFenced(isDefended: Bool) throws {
        var attack = Self.traffic()
        Self.serve(Self.first, from: 0.1, seconds: 30, isAnnounced: false, in: &attack)
        for number in 0..<15 {
            attack.gratuitous(at: 1 + Double(number) * 2, Self.service(at: Self.second))
            guard isDefended else { continue }
            attack.gratuitous(at: 1.01 + Double(number) * 2, Self.service(at: Self.first))
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-second"], "\(outcome)")
    }

    /// An address that was not announced is forged, though its holder is silent: whoever opens
    /// connections with it does so of its own accord. Whoever is asked for it, by a client that
    /// sends to its MAC address, is watched.
    @Test(arguments: [true, false]) func whoUsesAnAddressInSecretIsFenced(isAsked: Bool) throws {
        var attack = Self.traffic()
        if isAsked {
            Self.serve(Self.second, from: 0.1, seconds: 30, isAnnounced: false, in: &attack)
        } else {
            attack.visits(
                Self.service(at: Self.second), .database, port: 5432, count: 60, seconds: 30)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == (isAsked ? [] : ["port:veth-second"]), "\(outcome)")
        #expect(!outcome.alerts(on: Self.second.address).isEmpty, "\(outcome)")
    }

    /// An address that moved hides no flood.
    @Test func anAnnouncedAddressHidesNoFlood() throws {
        var attack = Self.traffic()
        Self.serve(Self.second, from: 0.1, seconds: 5, in: &attack)
        var flood = Attack()
        flood.flood(Self.service(at: Self.second), .database, port: 5432, answer: 0x12)
        attack.records += flood.records
        // A window of a minute has packets of the sample, which has no ports.
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.contains("port:veth-second"), "\(outcome)")
        #expect(
            outcome.fenced.isSubset(of: ["port:veth-second", Self.second.card]), "\(outcome)")
    }

    // MARK: - DHCP

    /// Clients ask, and a server, or a relay, answers that the training did not have.
    private static func lease(
        _ server: Member, at start: Double, asker: Member, in attack: inout Attack
    ) {
        let message: [UInt8] = [2, 1, 6, 0] + [UInt8](repeating: 7, count: 236)
        for number in 0..<5 {
            let time = start + Double(number) * 2
            attack.udp(
                at: time, Member("0.0.0.0", card: asker.card, port: asker.port), .everyone, 68, 67,
                [1] + message.dropFirst())
            attack.udp(
                at: time + 0.01, server, Member("10.60.4.\(50 + number)", card: asker.card), 67, 68,
                message)
        }
    }

    private static let server = Member("10.60.4.40").at("veth-server")

    @Test func theFirstServerThatClientsAskIsWatched() throws {
        var traffic = Attack()
        traffic.gratuitous(at: -3, Self.server)
        Self.lease(
            Self.server, at: 0.1, asker: Member("10.60.4.50").at("veth-asker"), in: &traffic)
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(
            outcome.alerts(on: Self.server.address).contains {
                $0.pattern == "rogue_dhcp_server" && $0.decision == "watch"
            }, "\(outcome)")
    }

    /// One that asks itself, and one beside the gateway's, is rogue.
    @Test(arguments: [true, false]) func aRogueServerIsFenced(asksItself: Bool) throws {
        var attack = Attack()
        attack.gratuitous(at: -3, Self.server)
        let asker = Member("10.60.4.50").at("veth-asker")
        if !asksItself { Self.lease(.gateway, at: -20, asker: asker, in: &attack) }
        Self.lease(Self.server, at: 0.1, asker: asksItself ? Self.server : asker, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-server"], "\(outcome)")
    }

    // MARK: - ARP

    /// Requests for a whole network, every half minute: by the MAC address alone, which anybody can
    /// write into them, they are watched. From a port they are fenced.
    @Test(arguments: [true, false]) func requestsForAWholeNetwork(hasPort: Bool) throws {
        let poller = Member("10.60.4.13", port: hasPort ? "veth-poller" : nil)
        var traffic = Attack()
        if hasPort { traffic.gratuitous(at: -3, poller) }
        for number in 0..<62 * 4 {
            let (round, host) = (number / 62, number % 62)
            traffic.ask(
                at: 0.1 + Double(round) * 30 + Double(host) / 100, poller,
                for: "10.60.4.\(1 + host)")
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced == (hasPort ? ["port:veth-poller"] : []), "\(outcome)")
        #expect(
            outcome.alerts(on: poller.address).contains { $0.pattern == "arp_sweep" },
            "\(outcome)")
    }
}
