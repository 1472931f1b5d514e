import TestKit
import Testing

/// Measurements and messages that nobody answers, to a collector that the training did not have:
/// alerted and not fenced, up to a rate at which they are a flood.
struct CollectorTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let app = Member.app.at("veth-app")
    private static let database = Member.database.at("veth-database")
    private static let collector = Member("10.60.3.40").at("veth-collector")

    enum Kind: CaseIterable { case oneSocket, newSockets, batches, syslog }

    /// Datagrams of a few bytes for twelve seconds.
    private static func send(
        _ from: Member, to collector: Member, rate: Int, kind: Kind, in attack: inout Attack
    ) {
        for number in 0..<rate * 12 {
            let time =
                kind == .batches
                ? Double(number / rate) + Double(number % rate) / 20_000
                : Double(number) / Double(rate)
            attack.udp(
                at: time, from, collector, UInt16(kind == .newSockets ? 30_000 + number : 40_000),
                kind == .syslog ? 514 : 8125, [UInt8](repeating: 120, count: 20 + number % 60))
        }
    }

    @Test(arguments: [150, 400, 1500], Kind.allCases)
    func measurementsAreWatched(rate: Int, kind: Kind) throws {
        for hasPort in [true, false] {
            let from = hasPort ? Self.app : .app
            var traffic = Attack()
            if hasPort { traffic.introduce(from, Self.collector) }
            Self.send(
                from, to: hasPort ? Self.collector : Member("10.60.3.40"), rate: rate, kind: kind,
                in: &traffic)
            let outcome = try bench.judge(traffic)
            #expect(outcome.fenced.isEmpty, "\(outcome)")
            #expect(!outcome.alerts(on: from.address).isEmpty, "\(outcome)")
        }
    }

    /// A collector whose program is down: the kernel refuses once a second, and the sender goes on.
    @Test(arguments: [150, 1500], [true, false])
    func measurementsThatAreRefusedAreWatched(rate: Int, hasPort: Bool) throws {
        let from = hasPort ? Self.app : .app
        let collector = hasPort ? Self.collector : Member("10.60.3.40")
        var traffic = Attack()
        if hasPort { traffic.introduce(from, collector) }
        Self.send(from, to: collector, rate: rate, kind: .oneSocket, in: &traffic)
        for second in 0..<12 {
            traffic.unreachable(
                at: Double(second) + 0.000_2, collector, from, source: 40_000, port: 8125)
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts(on: from.address).isEmpty, "\(outcome)")
    }

    /// At two thousand a second and more they are a flood; so is a smaller one of new sockets to
    /// somebody outside, who collects no measurements.
    @Test(arguments: Kind.allCases, [true, false])
    func aFloodOfDatagramsIsFenced(kind: Kind, isInside: Bool) throws {
        var attack = Attack()
        attack.introduce(Self.app, Self.collector)
        let isSmall = kind == .newSockets && !isInside
        Self.send(
            Self.app,
            to: isInside ? Self.collector : Member("203.0.113.9", card: Member.outside.card),
            rate: isSmall ? 400 : 2500, kind: kind, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-app"], "\(outcome)")
    }

    /// Measurements hide no scan.
    @Test func aScanBesideMeasurementsIsFenced() throws {
        var attack = Attack()
        attack.introduce(Self.app, Self.collector)
        Self.send(Self.app, to: Self.collector, rate: 400, kind: .oneSocket, in: &attack)
        attack.scan(Self.app, Self.database, count: 200, open: 2, seconds: 4, start: 2)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-app"], "\(outcome)")
    }

    // MARK: - Many collectors

    /// One datagram to each of `count` hosts, outside or inside, at ports that differ or not.
    private static func tell(
        _ from: Member, count: Int, isInside: Bool, port: (Int) -> UInt16, in attack: inout Attack
    ) {
        for number in 0..<count {
            let peer =
                isInside
                ? Member("10.60.3.\(40 + number)")
                : Member("203.0.\(113 + number / 250).\(number % 250)", card: Member.outside.card)
            attack.udp(
                at: 0.1 + 8 * Double(number) / Double(count), from, peer, 40_000, port(number),
                [UInt8](repeating: 7, count: 80))
        }
    }

    @Test(arguments: [true, false], [true, false])
    func messagesToSixtyHostsOutsideAreWatched(hasPort: Bool, isOnePort: Bool) throws {
        let from = hasPort ? Self.app : .app
        var traffic = Attack()
        if hasPort { traffic.introduce(from) }
        Self.tell(
            from, count: 60, isInside: false, port: { UInt16(isOnePort ? 8125 : 4001 + $0 * 37) },
            in: &traffic)
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts(on: from.address).isEmpty, "\(outcome)")
    }

    /// Sweeps by datagrams: of more hosts, of a well-known port, whose service answers, and of
    /// hosts inside.
    @Test(arguments: [(200, 8125, false), (60, 161, false), (60, 8125, true)])
    func aSweepByDatagramsIsFenced(count: Int, port: UInt16, isInside: Bool) throws {
        var attack = Attack()
        attack.introduce(Self.app)
        Self.tell(Self.app, count: count, isInside: isInside, port: { _ in port }, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(
            outcome.fenced == ["port:veth-app"] || outcome.fenced == [Self.app.address],
            "\(outcome)")
    }
}
