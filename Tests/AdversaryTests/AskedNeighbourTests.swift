import NetworkAddresses
import TestKit
import Testing

/// Hosts that answer for themselves, and that ask for neighbours because others made them do so, or
/// because these are gone: nobody can have them fenced by that.
struct AskedNeighbourTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let offender = Member.offender.at("veth-offender")
    private static let victim = Member.neighbour.at("veth-victim")
    private static let offender6 = Member(
        "fe80::11", card: Member.offender.card, port: "veth-offender")
    private static let victim6 = Member(
        "fd60:4::13", card: Member.neighbour.card, port: "veth-victim")
    private static let nobody = Member("0.0.0.0", card: Member.offender.card, port: offender.port)
    private static let nobody6 = Member("::", card: Member.offender.card, port: offender.port)
    private static let allNodes = Member("ff02::1", card: "33:33:00:00:00:01")

    private func expectVictimUnfenced(
        _ attack: Attack, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try bench.judge(attack)
        #expect(
            outcome.fenced.subtracting(["port:veth-offender", Member.offender.address]).isEmpty,
            "\(outcome)", sourceLocation: sourceLocation)
    }

    private static func member(_ number: Int, v6: Bool) -> Member {
        Member(
            v6 ? "fd60:4::1:\(number)" : "10.60.4.\(60 + number)",
            card: "02:42:0a:3c:04:\(Member.hex(60 + number))", port: "veth-m\(number)")
    }

    // MARK: - Answers

    enum Question: CaseIterable { case arpProbe, duplicateAddress, solicitation }

    /// Whoever is asked answers, however often.
    @Test(arguments: Question.allCases, [30, 1000])
    func whoAnswersIsNoFlooder(question: Question, rate: Int) throws {
        var attack = Attack()
        attack.introduce(Self.offender, Self.victim)
        attack.ip6(
            at: -1, Self.victim6, Self.allNodes, next: 58, Frame.icmp(type: 128, code: 0, rest: 7))
        for number in 0..<min(rate * 40, 6000) {
            let time = Double(number) / Double(rate)
            switch question {
            case .arpProbe:
                attack.ask(at: time, Self.nobody, for: Self.victim.address)
                attack.arpReply(
                    at: time + 0.000_1, Self.victim, Self.victim.address, to: Self.nobody)
            case .duplicateAddress, .solicitation:
                let isProbe = question == .duplicateAddress
                attack.solicit(
                    at: time, isProbe ? Self.nobody6 : Self.offender6, for: Self.victim6.address)
                attack.neighbour(
                    at: time + 0.000_1, Self.victim6, Self.victim6.address,
                    to: isProbe ? Self.allNodes : Self.offender6)
            }
        }
        try expectVictimUnfenced(attack)
    }

    /// Questions to all hosts in the names of 24 that are not there: each of those that answer asks
    /// for them. The port that forges the names is fenced.
    @Test(arguments: [5353, 137] as [UInt16]) func questionsInOthersNames(port: UInt16) throws {
        var attack = Attack()
        attack.introduce(Self.offender, Self.victim, .bystander.at("veth-bystander"))
        let group =
            port == 5353
            ? Member("224.0.0.251", card: "01:00:5e:00:00:fb")
            : Member("10.60.4.255", card: "ff:ff:ff:ff:ff:ff")
        for number in 0..<24 {
            let time = Double(number) / 500
            let forged = Member("10.60.4.\(100 + number)").by(Self.offender)
            attack.udp(
                at: time, forged, group, UInt16(20_000 + number), port,
                [UInt8](repeating: 1, count: 40))
            for who in [Self.victim, .bystander.at("veth-bystander")] {
                for try_ in 0..<3 {
                    attack.ask(at: time + 0.01 + Double(try_), who, for: forged.address)
                }
            }
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
    }

    // MARK: - Neighbours that were there

    /// The clients of a broker, or the members of a balancer, are all gone at once.
    @Test(arguments: [true, false], [true, false])
    func neighboursThatAreGone(v6: Bool, isBroker: Bool) throws {
        var traffic = Attack()
        let host = v6 ? Self.victim6 : Self.victim
        traffic.introduce(Self.victim)
        for number in 0..<30 {
            let (other, time) = (Self.member(number, v6: v6), Double(number) / 10)
            if v6 { traffic.solicit(at: time, other, for: host.address) }
            if !v6 { traffic.ask(at: time, other, for: host.address) }
            traffic.visit(
                at: time + 0.01, isBroker ? other : host, isBroker ? host : other,
                from: UInt16(20_000 + number), port: 1883)
        }
        for number in 0..<90 {
            let time = 100 + Double(number / 30) + Double(number % 30) / 100
            let gone = Self.member(number % 30, v6: v6)
            if v6 { traffic.solicit(at: time, host, for: gone.address) }
            if !v6 { traffic.ask(at: time, host, for: gone.address) }
        }
        try expectVictimUnfenced(traffic)
    }

    // MARK: - Answers that come late, and routers

    /// A burst of SYNs in the names of hosts that are not there, by way of the gateway: the server
    /// repeats its answers for a minute, and asks for the hosts each time.
    @Test func aServerRepeatsItsAnswers() throws {
        var attack = Attack()
        attack.introduce(Self.victim)
        for number in 0..<30 {
            let forged = Member("10.60.4.\(100 + number)", card: Member.gateway.card)
            attack.tcp(
                at: Double(number) / 500, forged, Self.victim, UInt16(20_000 + number), 80)
            for later in [0.01, 1, 3, 7, 15, 31, 63] {
                attack.ask(at: Double(number) / 500 + later, Self.victim, for: forged.address)
            }
        }
        try expectVictimUnfenced(attack)
    }

    /// A flood by way of the gateway, in the names of random hosts of the server's own network.
    @Test(arguments: [1000, 4000]) func aForgedFloodOverIPv6(rate: Int) throws {
        var attack = Attack()
        attack.introduce(Self.victim)
        attack.ip6(
            at: -1, Self.victim6, Self.allNodes, next: 58, Frame.icmp(type: 128, code: 0, rest: 7))
        for number in 0..<rate * 3 {
            let time = Double(number) / Double(rate)
            let digits = String(number % 0x1_0000, radix: 16)
            let forged = Member("fd60:4::9:\(digits)", card: Member.gateway.card)
            attack.tcp(at: time, forged, Self.victim6, 20_000, 80)
            guard number % 10 == 0 else { continue }
            attack.solicit(at: time + 0.001, Self.victim6, for: forged.address)
        }
        try expectVictimUnfenced(attack)
    }

    /// Devices beyond the uplink, which the monitor does not know, answer a poller.
    @Test func aPollerOfDevicesBeyondTheUplink() throws {
        var traffic = Attack()
        traffic.shared = ["eth0"]
        traffic.introduce(Self.victim)
        for number in 0..<30 {
            let device = Member(
                "10.60.4.\(150 + number)", card: "00:11:22:33:44:\(Member.hex(number))",
                port: "eth0")
            let time = Double(number) / 20
            traffic.ask(at: time, Self.victim, for: device.address)
            traffic.arpReply(at: time + 0.000_2, device, device.address, to: Self.victim)
            traffic.visit(
                at: time + 0.001, Self.victim, device, from: UInt16(20_000 + number), port: 161)
        }
        let outcome = try bench.judge(traffic)
        #expect(!outcome.alerts.contains { $0.pattern == "arp_sweep" }, "\(outcome)")
        try expectVictimUnfenced(traffic)
    }

    // MARK: - Searches

    enum Sweep: CaseIterable { case arpProbe, duplicateAddress, gatewaysCard, gatewaysCard6 }

    /// Questions without a sender's address, as `arp-scan --arpspa=0.0.0.0` sends them, and frames
    /// with the gateway's MAC address.
    @Test(arguments: Sweep.allCases) func aSweepIsFenced(sweep: Sweep) throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        attack.ip6(
            at: -1, Self.offender6, Self.allNodes, next: 58,
            Frame.icmp(type: 128, code: 0, rest: 7))
        for number in 0..<200 {
            let time = Double(number) / 20
            let target = "10.60.4.\(30 + number)"
            let target6 = "fd60:4::\(String(512 + number, radix: 16))"
            switch sweep {
            case .arpProbe: attack.ask(at: time, Self.nobody, for: target)
            case .duplicateAddress: attack.solicit(at: time, Self.nobody6, for: target6)
            case .gatewaysCard:
                attack.ask(
                    at: time,
                    Member(
                        Self.offender.address, card: Member.gateway.card, port: Self.offender.port),
                    for: target)
            case .gatewaysCard6:
                attack.solicit(
                    at: time,
                    Member("fe80::11", card: Member.gateway.card, port: Self.offender.port),
                    for: target6)
            }
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
    }

    /// Neighbours that answer, however many, hide none of the addresses that nobody has.
    @Test func knownNeighboursHideNoSweep() throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        for number in 0..<100 {
            let isThere = number < 60
            let other = isThere ? Self.member(number, v6: false) : Member("10.60.4.\(100 + number)")
            if isThere { attack.gratuitous(at: -60 + Double(number) / 10, other) }
            let time = Double(number) / 20
            attack.ask(at: time, Self.offender, for: other.address)
            guard isThere else { continue }
            attack.arpReply(at: time + 0.000_1, other, other.address, to: Self.offender)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
    }

    /// Who asks itself answers nobody.
    @Test(arguments: [true, false]) func whoAnswersItselfIsAFlooder(v6: Bool) throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        attack.ip6(
            at: -1, Self.offender6, Self.allNodes, next: 58,
            Frame.icmp(type: 128, code: 0, rest: 7))
        let own = Member("fd60:4::11").by(Self.offender)
        for number in 0..<4000 {
            let time = Double(number) / 400
            if v6 {
                if number == 0 { attack.solicit(at: time, Self.nobody6, for: own.address) }
                attack.neighbour(at: time + 0.000_1, own, own.address, to: Self.allNodes)
            } else {
                if number == 0 { attack.ask(at: time, Self.nobody, for: Self.offender.address) }
                attack.arpReply(
                    at: time + 0.000_1, Self.offender, Self.offender.address, to: Self.nobody)
            }
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
    }
}
