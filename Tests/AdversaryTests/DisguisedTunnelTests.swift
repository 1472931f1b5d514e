import TestKit
import Testing

/// Datagrams whose bytes look like a tunnel: the sender chose them.
struct DisguisedTunnelTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let receiver = Member("203.0.113.9", card: Member.outside.card)

    private static func inner(_ from: String, _ to: String, size: Int) -> [UInt8] {
        Frame.vxlan(
            1,
            Frame.ethernet(
                0x0800,
                Frame.ipv4(
                    from, to, 17,
                    Frame.udp(40_001, 53, [UInt8](repeating: 83, count: size)))))
    }

    /// What leaves counts by the packet that leaves, whatever is in it.
    @Test(arguments: ["10.60.1.53", "239.1.2.3"])
    func dataThatLeavesInATunnelIsDataThatLeaves(inside: String) throws {
        var attack = Attack()
        for number in 0..<6000 {
            attack.udp(
                at: Double(number) / 300, .offender, Self.receiver, 40_000, 8472,
                Self.inner(Member.offender.address, inside, size: 1300))
        }
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Member.offender.address).contains { $0.pattern == "data_leaving" },
            "\(outcome)")
        #expect(outcome.fenced == [Member.offender.address], "\(outcome)")
    }

    /// One datagram to each of many hosts outside.
    @Test func contactsBelowATunnelAreContacts() throws {
        var attack = Attack()
        for number in 0..<600 {
            let to = Member(
                "203.0.\(100 + number / 250).\(1 + number % 250)", card: Member.outside.card)
            attack.udp(
                at: Double(number) / 50, .offender, to, 40_000, 8472,
                Self.inner(Member.offender.address, "239.1.2.3", size: 50))
        }
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Member.offender.address).contains { $0.decision == "quarantine" },
            "\(outcome)")
    }

    /// A service of datagrams that sends back what it was told to: the addresses in it are not the
    /// service's.
    @Test func whoAnswersWithAnothersBytesIsNotAccused() throws {
        var attack = Attack()
        for number in 0..<400 {
            let time = Double(number) / 50
            let forged = Frame.vxlan(
                1,
                Frame.ethernet(
                    0x0800,
                    Frame.ipv4(
                        "10.60.4.\(13 + number % 6)", Member.web.address, 6,
                        Frame.tcp(4444, UInt16(1 + number), flags: 2))))
            attack.udp(at: time, .offender, .app, 4789, 7000, [0, 0, 0, 0, 1, 2, 3])
            attack.udp(at: time + 0.001, .app, .offender, 7000, 4789, forged)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.alerts(on: Member.app.address).isEmpty, "\(outcome)")
        #expect(
            outcome.fenced.isSubset(of: [Member.offender.address, Member.offender.card]),
            "\(outcome)")
    }
}
