import TestKit
import Testing

/// Checks that are repeated: a member that is down fails each time, and is still one member.
struct CheckTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    /// Thirty new hosts are tried every two seconds, of which some are down.
    private static func check(
        _ from: Member, down: Int, rounds: Int, isRefused: Bool, in attack: inout Attack
    ) {
        attack.gratuitous(at: -3, from)
        attack.visit(at: -2, from, .database.at("veth-database"), from: 19_000, port: 5432)
        for number in 0..<30 * rounds {
            let (time, member) = (Double(number) / 15, number % 30)
            let to = Member("10.60.4.\(22 + member)", port: "veth-\(member)")
            let source = UInt16(20_000 + number)
            // The members that are down lie apart.
            guard member * down / 30 != (member + 1) * down / 30 else {
                attack.visit(at: time, from, to, from: source, port: 8080)
                continue
            }
            attack.tcp(at: time, from, to, source, 8080)
            guard isRefused else { continue }
            attack.tcp(
                at: time + 0.000_2, to, from, 8080, source, flags: 0x14, sequence: 0,
                acknowledgment: 1001)
        }
    }

    /// A balancer, four of whose thirty members are down.
    @Test(arguments: [true, false]) func checksOfMembersThatAreDown(isRefused: Bool) throws {
        let balancer = Member("10.60.1.71", port: "veth-balancer")
        var traffic = Attack()
        Self.check(balancer, down: 4, rounds: 10, isRefused: isRefused, in: &traffic)
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts.contains { $0.pattern == "address_scan" }, "\(outcome)")
    }

    /// A sweep that finds four of thirty, once or again and again.
    @Test(arguments: [1, 10], [true, false])
    func aSweepThatFindsFewIsFenced(rounds: Int, isRefused: Bool) throws {
        var attack = Attack()
        Self.check(
            .offender.at("veth-offender"), down: 26, rounds: rounds, isRefused: isRefused,
            in: &attack)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.contains("port:veth-offender"), "\(outcome)")
    }

    /// A sweep beside many accepted connections to one new service of an accomplice.
    @Test func acceptedConnectionsOfOnePairHideNoSweep() throws {
        let (offender, accomplice) = (Member.offender.at("v1"), Member.bystander.at("v2"))
        var attack = Attack()
        Self.check(offender, down: 26, rounds: 1, isRefused: true, in: &attack)
        for number in 0..<100 {
            attack.visit(
                at: Double(number) / 50, offender, accomplice, from: UInt16(40_000 + number),
                port: 7000)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:v1"], "\(outcome)")
    }
}
