import TestKit
import Testing

/// Next hops and networks that somebody names to hosts, which then ask for addresses that nobody
/// has: they do not search. Who searches cannot excuse it by such messages of its own.
struct NamedHopTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let offender = Member.offender.at("veth-offender")
    private static let victim = Member.neighbour.at("veth-victim")
    private static let bystander = Member.bystander.at("veth-bystander")
    private static let allNodes = Member("ff02::1", card: "33:33:00:00:00:01")

    /// A host under an address of IPv6.
    private static func v6(_ host: Member, _ address: String) -> Member {
        Member(address, card: host.card, port: host.port)
    }

    private static let offender6 = v6(offender, "fe80::11")
    private static let victim6 = v6(victim, "fd60:4::13")

    private static func attack() -> Attack {
        var attack = Attack()
        attack.introduce(offender, victim, bystander)
        for host in [offender6, victim6] {
            attack.ip6(
                at: -1, host, allNodes, next: 58, Frame.icmp(type: 128, code: 0, rest: 7))
        }
        return attack
    }

    private func expectOnlyTheOffender(
        _ attack: Attack, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try bench.judge(attack)
        let own: Set = ["port:veth-offender", Self.offender.address, Self.offender.card]
        #expect(
            outcome.fenced.contains("port:veth-offender") && outcome.fenced.isSubset(of: own),
            "\(outcome)", sourceLocation: sourceLocation)
        #expect(
            !outcome.alerts.contains { $0.pattern == "arp_sweep" }, "\(outcome)",
            sourceLocation: sourceLocation)
    }

    private func expectSweep(
        _ attack: Attack, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try bench.judge(attack)
        #expect(
            outcome.fenced.contains("port:veth-offender"), "\(outcome)",
            sourceLocation: sourceLocation)
        #expect(
            outcome.alerts(on: Self.offender.address).union(
                outcome.alerts(on: Self.offender6.address)
            ).contains { $0.pattern == "arp_sweep" }, "\(outcome)",
            sourceLocation: sourceLocation)
    }

    // MARK: - Redirects

    /// Redirects in the gateway's name, to the victim or in frames to all: the victim asks for each
    /// next hop at once, three times.
    @Test(arguments: [true, false]) func redirectsToNobody(isToAll: Bool) throws {
        var attack = Self.attack()
        let gateway = Member.gateway.by(Self.offender)
        var receiver = Self.victim
        if isToAll { receiver.card = Member.everyone.card }
        for number in 0..<30 {
            let (time, hop) = (Double(number) / 100, "10.60.4.\(100 + number)")
            attack.redirect(at: time, gateway, to: receiver, hop: hop)
            for later in [0.001, 1, 2] { attack.ask(at: time + later, Self.victim, for: hop) }
        }
        try expectOnlyTheOffender(attack)
    }

    /// The same over IPv6: the victim asks when it sends a packet that way.
    @Test func redirectsOverIPv6() throws {
        var attack = Self.attack()
        for number in 0..<30 {
            let (time, hop) = (Double(number) / 100, "fe80::dead:\(number)")
            attack.redirect(
                at: time, Self.v6(Self.offender, "fe80::1"), to: Self.victim6, hop: hop)
            for later in [60.0, 61, 62] { attack.solicit(at: time + later, Self.victim6, for: hop) }
        }
        let outcome = try bench.judge(attack)
        #expect(!outcome.fenced.contains("port:veth-victim"), "\(outcome)")
        #expect(!outcome.alerts.contains { $0.pattern == "arp_sweep" }, "\(outcome)")
    }

    /// Redirects to oneself, those of an accomplice in its own name, which hosts ignore, and those
    /// that name other addresses or were sent to another host.
    @Test(arguments: ["itself", "accomplice", "others", "elsewhere"])
    func redirectsHideNoSweep(kind: String) throws {
        var attack = Self.attack()
        for number in 0..<60 {
            let time = Double(number) / 10
            let target = "10.60.4.\(100 + number)"
            let sender =
                switch kind {
                case "accomplice": Self.bystander
                case "itself": Member.gateway.by(Self.offender)
                default: Member.gateway.by(Self.bystander)
                }
            attack.redirect(
                at: time, sender, to: kind == "elsewhere" ? Self.victim : Self.offender,
                hop: kind == "others" ? "10.60.4.\(30 + number)" : target)
            // Later, so that the redirects themselves are no longer judged.
            attack.ask(at: 70 + time, Self.offender, for: target)
        }
        try expectSweep(attack)
    }

    // MARK: - Router advertisements

    /// Routers that are not there: the victim asks for all of them when it sends its next packet
    /// outside. More than the table of next hops has room for are no worse.
    @Test(arguments: [30, 6000]) func routersThatAreNotThere(count: Int) throws {
        var attack = Self.attack()
        for number in 0..<count {
            attack.routerAdvertisement(
                at: Double(number) / 2000,
                Self.v6(Self.offender, "fe80::dead:\(String(number, radix: 16))"))
        }
        for number in 0..<90 {
            attack.solicit(
                at: 64 + Double(number / 30) + Double(number % 30) / 1000, Self.victim6,
                for: "fe80::dead:\(String(number % 30, radix: 16))")
        }
        try expectOnlyTheOffender(attack)
    }

    /// One's own advertisements, and those of an accomplice for other addresses than it names.
    @Test(arguments: [true, false]) func advertisementsHideNoSweep(isByItself: Bool) throws {
        var attack = Self.attack()
        let sender = isByItself ? Self.offender : Self.bystander
        for number in 0..<60 {
            let digits = String(32 + number, radix: 16)
            attack.routerAdvertisement(
                at: Double(number) / 10, Self.v6(sender, "fe80::\(digits)"))
            attack.solicit(
                at: 70 + Double(number) / 10, Self.offender6,
                for: (isByItself ? "fe80::" : "fd60:4::") + digits)
        }
        try expectSweep(attack)
    }

    /// Many networks: each host tries an address or two in each of them before it uses it.
    @Test func networksThatAreNotThere() throws {
        var attack = Self.attack()
        let networks = (1...14).map { "fd99:\($0)::" }
        attack.routerAdvertisement(
            at: 0, Self.v6(Self.offender, "fe80::dead:1"), networks: networks)
        for (place, host) in [Self.victim, Self.bystander].enumerated() {
            for (number, network) in networks.enumerated() {
                let time = 0.2 + Double(number) / 50 + Double(place) / 100
                attack.solicit(at: time, Self.v6(host, "::"), for: network + "ff:fe3c:\(place)")
                attack.solicit(
                    at: time + 0.3, Self.v6(host, "::"), for: network + "\(number)a:\(place)")
            }
        }
        try expectOnlyTheOffender(attack)
    }
}
