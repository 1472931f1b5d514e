import TestKit
import Testing

/// A client that opens many connections at once, and uses them as soon as they are accepted, is no
/// flooder. Who opens as many and uses none is one.
struct PoolTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let offender = Member.offender.at("veth-offender")
    private static let app = Member.app.at("veth-app")
    private static let database = Member.database.at("veth-database")

    /// Connections that are opened at once, accepted after `delay` seconds and acknowledged.
    ///
    /// - Parameter use: seconds from the acknowledgment to the request; nil: none.
    private static func open(
        _ from: Member, _ to: Member, port: UInt16 = 5432, count: Int, at start: Double,
        delay: Double, use: Double?, isAcknowledged: Bool = true, in attack: inout Attack
    ) {
        for number in 0..<count {
            let time = start + Double(number) / 50_000
            let source = UInt16(20_000 + Int(start) * count + number)
            attack.tcp(at: time, from, to, source, port)
            attack.tcp(
                at: time + delay, to, from, port, source, flags: 0x12, sequence: 500,
                acknowledgment: 1001)
            guard isAcknowledged else { continue }
            attack.tcp(
                at: time + delay + 0.000_1, from, to, source, port, flags: 0x10, sequence: 1001,
                acknowledgment: 501)
            guard let use else { continue }
            attack.tcp(
                at: time + delay + use, from, to, source, port, flags: 0x18, sequence: 1001,
                acknowledgment: 501, size: 200)
            attack.tcp(
                at: time + delay + use + 0.002, to, from, port, source, flags: 0x18,
                sequence: 501, acknowledgment: 1201, size: 400)
        }
    }

    /// A pool of a usual service, or of a new one; also where the second ends before the requests,
    /// and where the server, which was just started, is late to speak first.
    @Test(
        arguments: [
            (300, 0.2, 0.002, 0.01), (1000, 0.2, 0.02, 0.05), (400, 0.975, 0.002, 0.05),
            (300, 0.6, 0.002, 1.2),
        ] as [(Int, Double, Double, Double)], [true, false])
    func aPoolOfConnectionsIsNoFlood(
        row: (count: Int, start: Double, delay: Double, use: Double), isUsual: Bool
    ) throws {
        var traffic = Attack()
        traffic.introduce(Self.app)
        Self.open(
            Self.app, isUsual ? Self.database : Member("10.60.3.40").at("veth-new"),
            port: isUsual ? 5432 : 6379, count: row.count, at: row.start, delay: row.delay,
            use: row.use, in: &traffic)
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts.contains { $0.pattern == "syn_flood" }, "\(outcome)")
    }

    /// Connections that are never acknowledged are plain within their second; those that are never
    /// used, when a pool would be: a thousand, again and again, or more at once.
    @Test(arguments: [(1000, 1, false), (1000, 4, true), (3000, 1, true)])
    func connectionsThatAreNotUsedAreAFlood(
        count: Int, seconds: Int, isAcknowledged: Bool
    ) throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        for second in 0..<seconds {
            Self.open(
                Self.offender, Self.database, count: count, at: Double(second) + 0.2,
                delay: 0.002, use: nil, isAcknowledged: isAcknowledged, in: &attack)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
        let time = try #require(outcome.firstFence)
        let expected = isAcknowledged ? (seconds > 1 ? "T01:15:02" : "T01:15:01") : "T01:15:00.2"
        #expect(time.contains(expected), "\(time)")
    }

    /// Half-open connections beside a pool that is used.
    @Test func aPoolHidesNoFlood() throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        Self.open(
            Self.offender, Self.database, count: 300, at: 0.2, delay: 0.002, use: 0.01,
            in: &attack)
        attack.flood(Self.offender, .web, count: 3000, seconds: 3, answer: 0x12)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
    }
}
