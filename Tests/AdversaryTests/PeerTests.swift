import TestKit
import Testing

/// Clients of many peers outside, some of which are gone or refuse: alerted and not fenced, as long
/// as enough of them answer. Who scans finds few.
struct PeerTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let app = Member.app.at("veth-app")
    private static let database = Member.database.at("veth-database")

    enum Kind: CaseIterable { case time, torrent, ledger, webhooks, resets }

    /// Contacts with `count` peers in `seconds`, of which every one for which `isThere` is false
    /// says nothing, refuses, or resets the connection.
    private static func meet(
        _ from: Member, _ kind: Kind, count: Int, seconds: Double, isThere: (Int) -> Bool,
        in attack: inout Attack
    ) {
        for number in 0..<count {
            let (time, peer) = (
                0.1 + seconds * Double(number) / Double(count), Member.outside(number)
            )
            let source = UInt16(40_000 + number)
            let port: UInt16 =
                switch kind {
                case .time: 123
                case .torrent: UInt16(1025 + number * 7919 % 60_000)
                case .ledger: 30_303
                case .webhooks, .resets: 443
                }
            if kind == .time || kind == .torrent || kind == .ledger {
                let data = [UInt8](repeating: 35, count: 48)
                attack.udp(at: time, from, peer, source, port, data)
                if isThere(number) {
                    attack.udp(at: time + 0.1, peer, from, port, source, data)
                }
            }
            guard kind != .time, kind != .torrent || number % 2 == 0 else { continue }
            if isThere(number) {
                attack.visit(at: time + 0.2, from, peer, from: source, port: port)
            } else if kind == .resets {
                attack.visit(
                    at: time + 0.2, from, peer, from: source, port: port, isClosed: false)
                attack.tcp(
                    at: time + 0.3, peer, from, port, source, flags: 4, sequence: 801)
            } else {
                attack.tcp(at: time + 0.2, from, peer, source, port)
                if number % 6 == 0 || kind == .webhooks {
                    attack.tcp(
                        at: time + 0.23, peer, from, port, source, flags: 0x14, sequence: 0,
                        acknowledgment: 1001)
                } else {
                    attack.tcp(at: time + 1.2, from, peer, source, port)
                }
            }
        }
    }

    @Test(arguments: Kind.allCases, [(45, 40), (60, 10), (75, 10)] as [(Int, Double)])
    func peersOfWhichHalfAreGoneAreWatched(
        kind: Kind, row: (count: Int, seconds: Double)
    ) throws {
        for hasPort in [true, false] {
            let from = hasPort ? Self.app : .app
            var traffic = Attack()
            if hasPort { traffic.introduce(from) }
            Self.meet(
                from, kind, count: row.count, seconds: row.seconds, isThere: { $0 % 2 == 1 },
                in: &traffic)
            let outcome = try bench.judge(traffic)
            #expect(outcome.fenced.isEmpty, "\(outcome)")
            #expect(!outcome.alerts(on: from.address).isEmpty, "\(outcome)")
        }
    }

    /// A scan of the same services finds one in ten.
    @Test(arguments: [Kind.time, .torrent, .ledger, .webhooks])
    func aScanThatFindsFewIsFenced(kind: Kind) throws {
        var attack = Attack()
        attack.introduce(Self.app)
        Self.meet(
            Self.app, kind, count: 150, seconds: 8, isThere: { $0 % 10 == 0 }, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-app"], "\(outcome)")
    }

    /// Half of very many answer: they may all be addresses of an accomplice.
    @Test func peersOfAnAccompliceHideNoBigScan() throws {
        var attack = Attack()
        attack.introduce(Self.app)
        Self.meet(
            Self.app, .webhooks, count: 400, seconds: 8, isThere: { $0 % 2 == 0 }, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-app"], "\(outcome)")
    }

    /// A scan inside, or of many ports of one host outside, beside peers that answer.
    @Test(arguments: [true, false]) func peersHideNoOtherScan(isInside: Bool) throws {
        var attack = Attack()
        attack.introduce(Self.app)
        Self.meet(
            Self.app, .webhooks, count: 40, seconds: 8, isThere: { _ in true }, in: &attack)
        let target = isInside ? Self.database : Member.outside(249)
        for number in 0..<150 {
            attack.tcp(
                at: 0.1 + Double(number) / 20, Self.app, target, 54_321, UInt16(1 + number))
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-app"], "\(outcome)")
    }

    // MARK: - Calls

    /// Forty candidates of a call, two of which answer.
    @Test(arguments: [true, false]) func fewCandidatesAnswer(hasPort: Bool) throws {
        let from = hasPort ? Self.app : .app
        let request: [UInt8] =
            [0, 1, 0, 8, 0x21, 0x12, 0xA4, 0x42] + [UInt8](repeating: 7, count: 20)
        var traffic = Attack()
        if hasPort { traffic.introduce(from) }
        for number in 0..<40 {
            for packet in 0..<5 {
                let time = 0.1 + Double(number) / 20 + Double(packet) / 2
                let port = UInt16(20_000 + number * 7)
                traffic.udp(at: time, from, Member.outside(number), 50_000, port, request)
                guard number < 2 else { continue }
                traffic.udp(
                    at: time + 0.05, Member.outside(number), from, port, 50_000,
                    [1, 1] + request.dropFirst(2))
            }
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    // MARK: - Late answers

    /// Sixty new contacts, answered after the SYN's first repetition or its second (RFC 6298);
    /// inside, a burst of them.
    @Test(arguments: [1.2, 3.4], [true, false])
    func answersToARepeatedSYNAreWaitedFor(delay: Double, isInside: Bool) throws {
        for hasPort in [true, false] {
            let from = hasPort ? Self.app : .app
            var traffic = Attack()
            if hasPort { traffic.introduce(from) }
            for number in 0..<60 {
                let time = 0.1 + Double(number) / (isInside ? 200 : 20)
                let inside = Member(
                    "10.60.4.\(22 + number)", port: hasPort ? "veth-\(number)" : nil)
                let peer = isInside ? inside : Member.outside(number)
                let source = UInt16(40_000 + number)
                traffic.tcp(at: time, from, peer, source, 8443)
                traffic.tcp(at: time + delay - 0.1, from, peer, source, 8443)
                traffic.tcp(
                    at: time + delay, peer, from, 8443, source, flags: 0x12, sequence: 500,
                    acknowledgment: 1001)
                traffic.tcp(
                    at: time + delay + 0.001, from, peer, source, 8443, flags: 0x18,
                    sequence: 1001, acknowledgment: 501, size: 200)
            }
            let outcome = try bench.judge(traffic)
            #expect(outcome.fenced.isEmpty, "\(outcome)")
        }
    }

    /// Hosts inside that say nothing are waited for no longer: ten a second; and twenty a second,
    /// by a host that sends nothing more.
    @Test(arguments: [(120, 10), (60, 20)])
    func aSilentSweepInsideIsFenced(count: Int, rate: Int) throws {
        var attack = Attack()
        attack.introduce(Self.app)
        for number in 0..<count {
            attack.tcp(
                at: 0.1 + Double(number) / Double(rate), Self.app,
                Member("10.60.4.\(22 + number)"), UInt16(40_000 + number), 8443)
        }
        let outcome = try bench.judge(attack)
        if rate == 20 {
            #expect(outcome.firstFence?.contains("T01:15:0") == true, "\(outcome)")
        }
        #expect(
            outcome.fenced == ["port:veth-app"] || outcome.fenced == [Self.app.address],
            "\(outcome)")
    }

    // MARK: - IPv6

    /// Sixty mail servers are tried over IPv6 in vain, and each time a host over IPv4 is visited.
    private static func tryIPv6(
        _ from: Member, then port: UInt16, after delay: Double, in attack: inout Attack
    ) {
        let six = Member("2001:db8:60:2::11", card: from.card, port: from.port)
        for number in 0..<60 {
            let time = 0.1 + Double(number) / 6
            let site = Member(
                "2001:db8:ffff::\(String(number + 1, radix: 16))", card: Member.outside.card)
            attack.tcp(at: time, six, site, UInt16(40_000 + number), 25)
            attack.visit(
                at: time + delay, from, Member.outside(number), from: UInt16(42_000 + number),
                port: port)
        }
    }

    /// The servers are reached over IPv4.
    @Test(arguments: [0.3, 2], [true, false])
    func mailOverBrokenIPv6IsWatched(delay: Double, hasPort: Bool) throws {
        let from = hasPort ? Self.app : .app
        var traffic = Attack()
        if hasPort { traffic.introduce(from) }
        Self.tryIPv6(from, then: 25, after: delay, in: &traffic)
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Connections of another service over IPv4 replace nothing.
    @Test func aSweepOfMailServersOverIPv6IsFenced() throws {
        var attack = Attack()
        attack.introduce(Self.app)
        Self.tryIPv6(Self.app, then: 443, after: 0.3, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-app"], "\(outcome)")
    }
}
