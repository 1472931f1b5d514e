import TestKit
import Testing

/// Contacts without an answer beside answered ones that replace them, and contacts whose answers
/// come late: no scans, and no cover for one.
struct FallbackTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let offender = Member.offender.at("veth-offender")
    private static let app = Member.app.at("veth-app")

    // MARK: - QUIC

    /// Sites are asked over QUIC, which a firewall drops, and one in `share` accepts HTTPS, before
    /// the question is repeated or after it.
    private static func browse(
        _ from: Member, share: Int, isLate: Bool = false, in attack: inout Attack
    ) {
        let initial = [UInt8](repeating: 0xC0, count: 1200)
        for number in 0..<60 {
            let (start, peer) = (Double(number) / 10, Member.outside(number))
            for packet in 0..<3 {
                attack.udp(
                    at: start + 0.3 * Double(packet), from, peer, UInt16(40_000 + number), 443,
                    initial)
            }
            guard number % share == 0 else { continue }
            attack.visit(
                at: start + (isLate ? 0.9 : -0.05), from, peer, from: UInt16(41_000 + number),
                port: 443)
        }
    }

    @Test(arguments: [true, false]) func blockedQUICIsWatched(isLate: Bool) throws {
        var traffic = Attack()
        Self.browse(Self.app, share: 1, isLate: isLate, in: &traffic)
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// HTTPS to a third of the hosts does not excuse a sweep of all.
    @Test func aSweepBesideFewConnectionsIsFenced() throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        Self.browse(Self.offender, share: 3, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
    }

    // MARK: - IPv6

    /// Sixty sites are tried over IPv6; one in `share` then accepts a connection over IPv4, and one
    /// in `found` answers over IPv6.
    private static func fallBack(
        _ from: Member, share: Int?, found: Int? = nil, in attack: inout Attack
    ) {
        let six = Member("2001:db8:60:2::11", card: from.card, port: from.port)
        for number in 0..<60 {
            let (start, source) = (0.1 + Double(number) / 20, UInt16(40_000 + number))
            let site = Member(
                "2001:db8:ffff::\(String(number + 1, radix: 16))", card: Member.outside.card)
            attack.tcp(at: start, six, site, source, 443)
            if let found, number % found == 0 {
                attack.tcp(
                    at: start + 0.02, site, six, 443, source, flags: 0x12, sequence: 500,
                    acknowledgment: 1001)
            } else {
                attack.tcp(at: start + 1, six, site, source, 443)
            }
            guard let share, number % share == 0 else { continue }
            attack.visit(
                at: start + 0.25, from, Member.outside(number), from: UInt16(42_000 + number),
                port: 443)
        }
    }

    /// The same by MAC address: neither a port nor the IPv6 network is known.
    @Test(arguments: [true, false]) func brokenIPv6WithoutAPortIsWatched(isKnown: Bool) throws {
        var traffic = Attack()
        Self.fallBack(.app, share: 1, in: &traffic)
        let outcome = try bench.judge(
            traffic, inventory: isKnown ? "captures/inventory.yaml" : nil)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Sweeps by MAC address: alone, beside few connections over IPv4, and one that finds
    /// something.
    @Test(arguments: [(nil, nil), (3, nil), (1, 20)] as [(Int?, Int?)])
    func aSweepOverIPv6WithoutAPortIsFenced(share: Int?, found: Int?) throws {
        var attack = Attack()
        Self.fallBack(.offender, share: share, found: found, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(!outcome.fenced.isEmpty, "\(outcome)")
        #expect(
            outcome.fenced.isSubset(of: [Member.offender.address, Member.offender.card]),
            "\(outcome)")
    }

    /// Questions to a resolver that only IPv6 has, one for each site, are one contact.
    @Test func repeatedQuestionsAreOneContact() throws {
        var traffic = Attack()
        traffic.introduce(Self.app)
        Self.fallBack(Self.app, share: 1, in: &traffic)
        let six = Member("2001:db8:60:2::11", card: Self.app.card, port: Self.app.port)
        let resolver = Member("2001:db8:ffff::5353", card: Member.outside.card)
        for number in 0..<60 {
            let question = Frame.udp(UInt16(30_000 + number), 53, Frame.dns("h\(number).example"))
            traffic.ip6(
                at: 0.05 + Double(number) / 20, six, resolver, next: 17, question)
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// No packet over IPv6 comes back, and each site is reached over IPv4 a quarter of a second
    /// later (RFC 8305).
    @Test func brokenIPv6IsWatched() throws {
        var traffic = Attack()
        Self.fallBack(Self.app, share: 1, in: &traffic)
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Sweeps over IPv6: alone, beside few connections over IPv4, and one that finds something.
    @Test(arguments: [(nil, nil), (3, nil), (1, 20)] as [(Int?, Int?)])
    func aSweepOverIPv6IsFenced(share: Int?, found: Int?) throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        Self.fallBack(Self.offender, share: share, found: found, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
    }

    // MARK: - Calls

    /// A call checks candidates (STUN), of which one in `share` answers.
    private static func check(
        _ from: Member, candidates: Int, share: Int?, refused: Int = 0, in attack: inout Attack
    ) {
        let request: [UInt8] =
            [0, 1, 0, 8, 0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 7, count: 20)
        let response = [1, 1] + request.dropFirst(2)
        for number in 0..<candidates {
            let (peer, port) = (Member.outside(number % 200), UInt16(20_000 + number * 7))
            for packet in 0..<6 {
                let time = Double(number) / 50 + Double(packet) / 5
                attack.udp(at: time, from, peer, 50_000, port, request)
                guard let share, number % share == 0 else { continue }
                attack.udp(at: time + 0.05, peer, from, port, 50_000, response)
            }
            guard number % 3 == 1, number / 3 < refused else { continue }
            attack.unreachable(
                at: Double(number) / 50 + 0.01, peer, from, source: 50_000, port: port)
        }
    }

    @Test func aCallOfManyCandidatesIsWatched() throws {
        var traffic = Attack()
        Self.check(Self.app, candidates: 24, share: 3, in: &traffic)
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// No candidate answers: the call goes by the relay, which speaks STUN, too.
    @Test func aCallByItsRelayIsWatched() throws {
        var traffic = Attack()
        traffic.introduce(Self.app)
        Self.check(Self.app, candidates: 20, share: nil, in: &traffic)
        let relay = Member.outside(250)
        let request: [UInt8] =
            [0, 3, 0, 8, 0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 7, count: 20)
        traffic.udp(at: 0.1, Self.app, relay, 50_000, 3478, request)
        traffic.udp(at: 0.13, relay, Self.app, 3478, 50_000, [1, 3] + request.dropFirst(2))
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Scans by the same messages: nobody answers, closed ports refuse, or an accomplice answers
    /// one in four of more than a call has.
    @Test(arguments: [(40, nil, 0), (24, 3, 6), (200, 4, 0)] as [(Int, Int?, Int)])
    func aScanByChecksIsFenced(candidates: Int, share: Int?, refused: Int) throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        Self.check(
            Self.offender, candidates: candidates, share: share, refused: refused, in: &attack)
        let outcome = try bench.judge(attack)
        // A window of a minute has packets of the sample, which has no ports.
        #expect(
            outcome.fenced == ["port:veth-offender"] || outcome.fenced == [Self.offender.address],
            "\(outcome)")
    }

    // MARK: - Late answers

    /// New contacts in a moment, answered 1.2 s later, as by satellite; nil: never.
    private static func burst(
        _ from: Member, at start: Double, after delay: Double?, isDatagram: Bool,
        in attack: inout Attack
    ) {
        for number in 0..<40 {
            let (at, source) = (start + Double(number) / 10_000, UInt16(40_000 + number))
            if isDatagram {
                attack.udp(at: at, from, Member.outside(number), source, 8000, [1])
            } else {
                attack.tcp(at: at, from, Member.outside(number), source, 443)
            }
            guard let delay else { continue }
            if isDatagram {
                attack.udp(at: at + delay, Member.outside(number), from, 8000, source, [2])
            } else {
                attack.tcp(
                    at: at + delay, Member.outside(number), from, 443, source, flags: 0x12,
                    sequence: 500,
                    acknowledgment: 1001)
            }
        }
    }

    @Test(arguments: [0.1, 0.4, 0.7], [true, false])
    func lateAnswersAreWaitedFor(start: Double, isDatagram: Bool) throws {
        var traffic = Attack()
        Self.burst(Self.app, at: start, after: 1.2, isDatagram: isDatagram, in: &traffic)
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Twenty new sites a second, all of which answer 0.6 to three seconds late.
    @Test(arguments: [nil, "veth-app"] as [String?]) func steadyLateAnswersAreWaitedFor(
        port: String?
    ) throws {
        let from = port.map { Member.app.at($0) } ?? .app
        var traffic = Attack()
        if port != nil { traffic.introduce(Self.app) }
        for number in 0..<400 {
            let (time, source) = (Double(number) / 20, UInt16(20_000 + number))
            let site = Member(
                "203.0.\(number / 250).\(number % 250)", card: Member.outside.card)
            traffic.tcp(at: time, from, site, source, 443)
            traffic.tcp(
                at: time + 0.6 + 2.4 * Double(number * 7 % 20) / 20, site, from, 443, source,
                flags: 0x12, sequence: 500, acknowledgment: 1001)
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Probes of silent hosts: all in a moment, or twenty a second. They are waited for no longer
    /// than that.
    @Test(arguments: [true, false]) func aSlowSilentScanIsFenced(isBurst: Bool) throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        if isBurst {
            Self.burst(Self.offender, at: 0.1, after: nil, isDatagram: false, in: &attack)
        } else {
            for number in 0..<120 {
                attack.tcp(
                    at: Double(number) / 20, Self.offender, Member.outside(number), 54_321, 443)
            }
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
        #expect(outcome.firstFence.map { $0.contains("T01:15:0") } == true, "\(outcome)")
    }
}
