import TestKit
import Testing

/// Requests for neighbours by ARP or over IPv6: who asks for those that are there looks for nobody.
struct NeighbourTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let accomplice = Member.bystander.at("veth-bystander")

    private static func neighbour(_ number: Int) -> Member {
        Member("10.60.4.\(22 + number)", port: "veth-\(number)")
    }

    /// Requests for forty neighbours, of which one in `share` answers, or somebody in its name.
    private static func ask(
        _ from: Member, share: Int, by helper: Member? = nil, visits: Bool = false,
        in attack: inout Attack
    ) {
        attack.gratuitous(at: -3, from)
        attack.visit(at: -2, from, .database.at("veth-database"), from: 29_000, port: 5432)
        for number in 0..<40 {
            let (time, other) = (0.1 + Double(number) / 100, neighbour(number))
            attack.ask(at: time, from, for: other.address)
            guard number % share == 0 else { continue }
            attack.arpReply(
                at: time + 0.000_1, helper.map(other.by) ?? other, other.address, to: from)
            guard visits else { continue }
            attack.visit(
                at: time + 0.000_3, from, other, from: UInt16(20_000 + number), port: 9100)
        }
    }

    /// A new monitor or balancer asks for all its neighbours, and visits each.
    @Test func aPollerIsNoSweep() throws {
        var traffic = Attack()
        Self.ask(Member("10.60.4.21", port: "veth-poller"), share: 1, visits: true, in: &traffic)
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts.contains { $0.pattern == "arp_sweep" }, "\(outcome)")
    }

    /// Few of those asked for are there.
    @Test(arguments: [3, 41]) func aSweepIsFenced(share: Int) throws {
        var attack = Attack()
        Self.ask(.offender.at("veth-offender"), share: share, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
    }

    /// Somebody else answers for all of them: the sweep's sender itself, or an accomplice.
    @Test(arguments: [true, false]) func forgedAnswersHideNoSweep(isByItself: Bool) throws {
        let offender = Member.offender.at("veth-offender")
        var attack = Attack()
        attack.gratuitous(at: -3, Self.accomplice)
        Self.ask(offender, share: 1, by: isByItself ? offender : Self.accomplice, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.contains("port:veth-offender"), "\(outcome)")
    }

    // MARK: - IPv6

    private static let host = Member("fd60:4::11", card: Member.offender.card, port: "v1")

    /// Solicitations for forty neighbours, of which one in `share` answers, or `helper` in its
    /// name; from the host's address, or its link-local one.
    private static func solicit(
        share: Int, by helper: Member? = nil, isLinkLocal: Bool, in attack: inout Attack
    ) {
        let gateway = Member("fd60:4::1", card: Member.gateway.card, port: "v0")
        attack.neighbour(at: -3, host, host.address, to: gateway)
        attack.ip6(at: -2, host, gateway, next: 58, Frame.icmp(type: 128, code: 0, rest: 7))
        let from = isLinkLocal ? Member("fe80::11", card: host.card, port: host.port) : host
        for number in 0..<40 {
            let (time, digits) = (0.1 + Double(number) / 100, String(32 + number, radix: 16))
            let other = Member(
                "fd60:4::\(digits)", card: "02:42:0a:3c:05:\(digits)", port: "veth-\(number)")
            attack.solicit(at: time, from, for: other.address)
            guard number % share == 0 else { continue }
            attack.neighbour(
                at: time + 0.000_1, helper.map(other.by) ?? other, other.address, to: from)
        }
    }

    @Test(arguments: [3, 41], [true, false])
    func aSweepOverIPv6IsFenced(share: Int, isLinkLocal: Bool) throws {
        var attack = Attack()
        Self.solicit(share: share, isLinkLocal: isLinkLocal, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:v1"], "\(outcome)")
    }

    /// The neighbours that it asks for are there.
    @Test(arguments: [true, false]) func aPollerOverIPv6IsNoSweep(isLinkLocal: Bool) throws {
        var traffic = Attack()
        Self.solicit(share: 1, isLinkLocal: isLinkLocal, in: &traffic)
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts.contains { $0.pattern == "arp_sweep" }, "\(outcome)")
    }

    @Test(arguments: [true, false])
    func forgedAdvertisementsHideNoSweep(isLinkLocal: Bool) throws {
        var attack = Attack()
        Self.solicit(share: 1, by: Self.host, isLinkLocal: isLinkLocal, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:v1"], "\(outcome)")
    }
}
