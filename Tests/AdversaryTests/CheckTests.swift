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

    /// Most members are down, or all of them: whoever tries each again and again is alerted.
    @Test(arguments: [15, 26, 30], [true, false])
    func checksOfMembersMostOfWhichAreDown(down: Int, isRefused: Bool) throws {
        for hasPort in [true, false] {
            let balancer = Member("10.60.1.71", port: hasPort ? "veth-balancer" : nil)
            var traffic = Attack()
            Self.check(balancer, down: down, rounds: 10, isRefused: isRefused, in: &traffic)
            let outcome = try bench.judge(traffic)
            #expect(outcome.fenced.isEmpty, "\(outcome)")
            #expect(!outcome.alerts(on: balancer.address).isEmpty, "\(outcome)")
        }
    }

    /// A sidecar tries all endpoints at once, three times each, every five seconds.
    @Test(arguments: [true, false]) func retriesToAllEndpoints(isRefused: Bool) throws {
        let sidecar = Member("10.60.1.71", port: "veth-sidecar")
        var traffic = Attack()
        Self.check(sidecar, down: 0, rounds: 0, isRefused: true, in: &traffic)
        for number in 0..<25 * 3 * 8 {
            let (round, try_) = (number / 75, number % 75)
            let time = 0.1 + Double(round) * 5 + Double(try_) / 500
            let to = Member("10.60.4.\(22 + try_ % 25)", port: "veth-\(try_ % 25)")
            let source = UInt16(20_000 + number)
            traffic.tcp(at: time, sidecar, to, source, 8080)
            guard isRefused else { continue }
            traffic.tcp(
                at: time + 0.000_2, to, sidecar, 8080, source, flags: 0x14, sequence: 0,
                acknowledgment: 1001)
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts(on: sidecar.address).isEmpty, "\(outcome)")
    }

    /// A sweep that finds four of thirty, as soon as it is clear that it does not repeat them.
    @Test(arguments: [true, false]) func aSweepThatFindsFewIsFenced(isRefused: Bool) throws {
        var attack = Attack()
        Self.check(
            .offender.at("veth-offender"), down: 26, rounds: 1, isRefused: isRefused, in: &attack)
        let outcome = try bench.judge(attack)
        expectFenced(outcome, "port:veth-offender")
    }

    /// A sweep of more hosts than a service has members is not waited for, nor is one of two hosts'
    /// ports.
    @Test(arguments: [true, false]) func aBiggerSweepIsFencedAtOnce(isOfHosts: Bool) throws {
        let offender = Member.offender.at("veth-offender")
        var attack = Attack()
        Self.check(offender, down: 0, rounds: 0, isRefused: true, in: &attack)
        for number in 0..<80 {
            let to = Member(
                "10.60.4.\(isOfHosts ? 22 + number : 22 + number % 2)",
                port: "veth-\(isOfHosts ? number : number % 2)")
            let port = UInt16(isOfHosts ? 8080 : 1 + number)
            attack.tcp(at: 0.1 + Double(number) / 50, offender, to, 54_321, port)
            attack.tcp(
                at: 0.1 + Double(number) / 50 + 0.000_2, to, offender, port, 54_321, flags: 0x14,
                sequence: 0, acknowledgment: 1001)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
        #expect(outcome.firstFence?.contains("T01:15:0") == true, "\(outcome)")
    }

    /// A window of a minute has packets of the sample, which has no ports.
    private func expectFenced(
        _ outcome: Outcome, _ port: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            [[port], [Member.offender.address]].contains(outcome.fenced), "\(outcome)",
            sourceLocation: sourceLocation)
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
        expectFenced(outcome, "port:v1")
    }

    // MARK: - Members that answered

    /// Sixty members answer, and all of them are gone later; a client tries `port` of each again.
    private static func drain(
        _ from: Member, port: UInt16, isRefused: Bool, in attack: inout Attack
    ) {
        attack.introduce(from)
        for number in 0..<240 {
            let to = Member("10.60.2.\(60 + number % 60)", port: "veth-\(number % 60)")
            let source = UInt16(20_000 + number)
            guard number >= 60 else {
                attack.visit(at: Double(number) / 12, from, to, from: source, port: 8080)
                continue
            }
            let time = 60 + Double(number - 60) / 12
            attack.tcp(at: time, from, to, source, port)
            guard isRefused else { continue }
            attack.tcp(
                at: time + 0.000_2, to, from, port, source, flags: 0x14, sequence: 0,
                acknowledgment: 1001)
        }
    }

    @Test(arguments: [true, false], [true, false])
    func membersThatAnsweredAreNoDiscovery(isRefused: Bool, hasPort: Bool) throws {
        let balancer = Member("10.60.1.71", port: hasPort ? "veth-balancer" : nil)
        var traffic = Attack()
        Self.drain(balancer, port: 8080, isRefused: isRefused, in: &traffic)
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(outcome.alerts(on: balancer.address).contains { $0.pattern == "address_scan" })
    }

    /// Another port of the same hosts is one.
    @Test(arguments: [true, false]) func anotherPortOfThemIsADiscovery(isRefused: Bool) throws {
        let balancer = Member("10.60.1.71", port: "veth-balancer")
        var attack = Attack()
        Self.drain(balancer, port: 22, isRefused: isRefused, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-balancer"], "\(outcome)")
    }
}
