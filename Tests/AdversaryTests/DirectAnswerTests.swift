import TestKit
import Testing

/// Servers that have a service's address beside their own, as behind a balancer with direct
/// routing: they answer with it whoever sends them its packets.
struct DirectAnswerTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let client = Member.offender.at("veth-offender")
    private static let server = Member.neighbour.at("veth-server")
    private static let balancer = Member("10.60.4.50", port: "veth-balancer")

    private static func attack() -> Attack {
        var attack = Attack()
        attack.introduce(client, server, balancer)
        return attack
    }

    /// A client that sends packets for the service's address to the server's MAC address, and not
    /// by way of the balancer; one connection lasts.
    @Test func whoAnswersAsItWasAskedIsWatched() throws {
        var attack = Self.attack()
        let service = Self.balancer.by(Self.server)
        attack.visit(at: 0, Self.client, service, from: 19_000, port: 80, isClosed: false)
        attack.visits(Self.client, service, port: 80, count: 100, seconds: 20)
        for number in 0..<150 {
            attack.tcp(
                at: 20 + Double(number), service, Self.client, 80, 19_000, flags: 0x18,
                sequence: UInt32(801 + number * 100), acknowledgment: 1201, size: 100)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(
            outcome.alerts(on: Self.server.address).allSatisfy { $0.decision == "watch" },
            "\(outcome)")
    }

    /// Answers in the balancer's name to packets that were sent to the balancer.
    @Test func whoAnswersForAnotherIsFenced() throws {
        var attack = Self.attack()
        for number in 0..<100 {
            let (time, port) = (Double(number) / 5, UInt16(20_000 + number))
            attack.tcp(at: time, Self.client, Self.balancer, port, 80)
            attack.tcp(
                at: time + 0.000_1, Self.balancer.by(Self.server), Self.client, 80, port,
                flags: 0x12, sequence: 500, acknowledgment: 1001)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.contains("port:veth-server"), "\(outcome)")
    }
}
