import NetworkAddresses
import TestKit
import Testing

/// A host that forwards packets, as every host does on which Docker runs: others make it send their
/// packets, requests for addresses and redirects, and it is not fenced for them.
struct ForwardingTests {
    private let bench: Bench
    private let offender = Member.offender.at("v1")
    private let forwarder = Member.bystander.at("v2")
    private let victim = Member.neighbour.at("v3")

    init() throws { bench = try Bench() }

    private func attack() -> Attack {
        var attack = Attack()
        for host in [offender, forwarder, victim] { attack.gratuitous(at: -5, host) }
        return attack
    }

    /// Adds a packet that the offender sends to the forwarder's MAC address, and its copy from
    /// there.
    private func relay(
        _ attack: inout Attack, at time: Double, source: String, to destination: Member,
        _ next: UInt8, _ segment: [UInt8]
    ) {
        let packet = [8, 0] + Frame.ipv4(source, destination.address, next, segment)
        attack.add(time, offender, forwarder, packet)
        attack.add(time + 0.000_1, forwarder, destination, packet)
    }

    private func expectNoFence(
        _ attack: Attack, fenced: Set<String>, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == fenced, "\(outcome)", sourceLocation: sourceLocation)
        #expect(
            outcome.alerts(on: forwarder.address).allSatisfy { $0.decision == "watch" },
            "\(outcome.alerts)", sourceLocation: sourceLocation)
    }

    @Test func aFloodFromRandomSources() throws {
        var attack = attack()
        for number in 0..<3000 {
            relay(
                &attack, at: Double(number) / 500,
                source: "10.60.\(number % 199).\(1 + number % 241)", to: victim, 6,
                Frame.tcp(UInt16(20_000 + number), 80, flags: 2, sequence: UInt32(number)))
        }
        try expectNoFence(attack, fenced: ["port:v1"])
    }

    /// One long flow of many packets, in the offender's own name.
    @Test func aFloodOfDatagrams() throws {
        var attack = attack()
        for number in 0..<6000 {
            relay(
                &attack, at: Double(number) / 1000, source: offender.address, to: victim, 17,
                Frame.udp(4000, 9999, [UInt8](repeating: 1, count: 400)))
        }
        try expectNoFence(attack, fenced: ["port:v1"])
    }

    /// The forwarder asks for the address of each destination.
    @Test func aScanOfTheNetwork() throws {
        var attack = attack()
        for number in 0..<200 {
            let time = Double(number) / 40
            var hop = Member("10.60.4.\(20 + number)")
            hop.card = forwarder.card
            attack.ping(at: time, offender, hop)
            attack.ask(at: time + 0.000_1, forwarder, for: hop.address)
        }
        try expectNoFence(attack, fenced: ["port:v1"])
    }

    /// The forwarder says in its own name that there is a shorter way.
    @Test func redirectsInItsOwnName() throws {
        var attack = attack()
        for number in 0..<20 {
            let time = Double(number) / 2
            relay(
                &attack, at: time, source: offender.address, to: victim, 17,
                Frame.udp(4000, 53, [1]))
            attack.redirect(at: time + 0.000_2, forwarder, to: offender)
        }
        try expectNoFence(attack, fenced: [])
    }
}
