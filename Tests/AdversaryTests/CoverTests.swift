import TestKit
import Testing

/// Traffic that is excused does not hide what its sender does besides, however much there is.
struct CoverTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let offender = Member.offender.at("veth-offender")
    private static let app = Member.app.at("veth-app")
    private static let database = Member.database.at("veth-database")

    /// Sites outside, all addresses of an accomplice, that accept HTTPS and not QUIC; or of which
    /// one side is seen, and one in four accepts.
    private static func cover(
        _ from: Member, count: Int, isHTTPS: Bool, in attack: inout Attack
    ) {
        for number in 0..<count {
            let (time, site) = (8 * Double(number) / Double(count), Member.outside(number))
            let source = UInt16(20_000 + number)
            if isHTTPS {
                attack.udp(
                    at: time, from, site, source, 443, [UInt8](repeating: 0xC0, count: 1200))
            }
            attack.tcp(at: time + 0.002, from, site, source, 443)
            if isHTTPS || number % 4 == 0 {
                attack.tcp(
                    at: time + 0.003, site, from, 443, source, flags: 0x12, sequence: 500,
                    acknowledgment: 1001)
            }
            attack.tcp(
                at: time + 0.004, from, site, source, 443, flags: 0x10, sequence: 1001,
                acknowledgment: 501)
            attack.tcp(
                at: time + 0.005, from, site, source, 443, flags: 0x18, sequence: 1001,
                acknowledgment: 501, size: 30)
        }
    }

    /// A silent scan inside, of ports or hosts, beside four times as much cover; and the cover
    /// alone.
    @Test(arguments: [true, false], ["ports", "hosts", ""])
    func aScanInsideBesideCoverOutside(isHTTPS: Bool, target: String) throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        Self.cover(Self.offender, count: 420, isHTTPS: isHTTPS, in: &attack)
        for number in 0..<100 where target != "" {
            let isPort = target == "ports"
            attack.tcp(
                at: 0.08 * Double(number), Self.offender,
                isPort ? Self.database : Member("10.60.3.\(100 + number)"), 54_321,
                isPort ? UInt16(1 + number) : 22)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == (target == "" ? [] : ["port:veth-offender"]), "\(outcome)")
    }

    /// A sweep of hosts inside beside connections to ever other ports of an accomplice; and a
    /// client of as many hosts, of which fewer than half are down.
    @Test(arguments: [true, false], [true, false])
    func aSweepBesidePortsOfAnAccomplice(isSweep: Bool, isRefused: Bool) throws {
        let accomplice = Member.bystander.at("veth-bystander")
        var attack = Attack()
        attack.introduce(Self.offender, accomplice)
        for number in 0..<100 {
            let time = 0.08 * Double(number)
            let host = Member("10.60.2.\(60 + number)", port: "veth-\(number)")
            guard number % 5 > (isSweep ? 1 : 2) else {
                attack.visit(
                    at: time, Self.offender, isSweep ? accomplice : host,
                    from: UInt16(20_000 + number), port: UInt16(isSweep ? 7000 + number : 22))
                continue
            }
            attack.tcp(at: time, Self.offender, host, UInt16(20_000 + number), 22)
            guard isRefused else { continue }
            attack.tcp(
                at: time + 0.000_2, host, Self.offender, 22, UInt16(20_000 + number), flags: 0x14,
                sequence: 0, acknowledgment: 1001)
        }
        let outcome = try bench.judge(attack)
        #expect(
            outcome.fenced.subtracting([Self.offender.address])
                == (isSweep ? ["port:veth-offender"] : []), "\(outcome)")
    }

    // MARK: - Sweeps outside

    /// A sweep of a service that the workload uses outside, beside twice as many queries that are
    /// answered, or visits of one site.
    @Test(arguments: [true, false]) func aSweepOutsideBesideAnsweredFlows(isDNS: Bool) throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        for number in 0..<480 {
            let time = Double(number) / 40
            attack.tcp(
                at: time, Self.offender, .outside(number), UInt16(40_000 + number), 443)
            for part in 0..<2 {
                let (later, source) = (
                    time + 0.01 * Double(part), UInt16(20_000 + 2 * number + part)
                )
                if isDNS {
                    attack.ask(at: later, Self.offender, .resolver, source, "db.lab")
                    attack.ask(
                        at: later + 0.002, .resolver, Self.offender, source, "db.lab",
                        isAnswer: true)
                } else {
                    attack.visit(
                        at: later, Self.offender, .outside(900), from: source, port: 443)
                }
            }
        }
        let outcome = try bench.judge(attack)
        // Clean traffic of the sample has no port.
        #expect(
            outcome.fenced.subtracting([Self.offender.address]) == ["port:veth-offender"],
            "\(outcome)")
    }

    /// A crawler, of whose sites one in five is gone.
    @Test func aCrawlerIsWatched() throws {
        var traffic = Attack()
        traffic.introduce(Self.app)
        for number in 0..<1800 {
            let (time, source) = (Double(number) / 60, UInt16(20_000 + number))
            if number % 5 == 0 {
                traffic.tcp(at: time, Self.app, .outside(number), source, 443)
            } else {
                traffic.visit(at: time, Self.app, .outside(number), from: source, port: 443)
            }
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts(on: Self.app.address).isEmpty, "\(outcome)")
    }

    // MARK: - Refused

    /// A flood of datagrams of which the target, or a router in its place, refuses one in eight:
    /// errors are no demand.
    @Test(arguments: [true, false]) func aRefusedFloodOfDatagramsIsFenced(isInside: Bool) throws {
        var attack = Attack()
        let target = isInside ? Self.database : Member.outside(1)
        attack.introduce(Self.offender, Self.database)
        for number in 0..<18_000 {
            let time = Double(number) / 3000
            attack.udp(
                at: time, Self.offender, target, 40_000, 9999, [UInt8](repeating: 7, count: 60))
            guard number % 8 == 0 else { continue }
            attack.unreachable(
                at: time + 0.000_1, target, Self.offender, source: 40_000, port: 9999)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
    }

    // MARK: - Beside a download

    /// A flood of datagrams, or measurements, beside a download of as many bytes.
    @Test(arguments: [5000, 400]) func datagramsBesideADownload(rate: Int) throws {
        var attack = Attack()
        attack.introduce(Self.app, Self.database)
        attack.visit(
            at: 0, Self.app, .outside(1), from: 20_000, port: 443, isClosed: false)
        for number in 0..<1760 {
            let time = 0.01 + Double(number) / 220
            attack.tcp(
                at: time, .outside(1), Self.app, 443, 20_000, flags: 0x10,
                sequence: UInt32(801 + 1400 * number), acknowledgment: 1201, size: 1400)
            attack.tcp(
                at: time + 0.001, Self.app, .outside(1), 20_000, 443, flags: 0x10, sequence: 1201,
                acknowledgment: UInt32(801 + 1400 * (number + 1)))
        }
        for number in 0..<rate * 8 {
            attack.udp(
                at: Double(number) / Double(rate), Self.app, Self.database, 40_000, 9999,
                [UInt8](repeating: 7, count: 20))
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == (rate < 2000 ? [] : ["port:veth-app"]), "\(outcome)")
    }

    // MARK: - Full packets

    /// A flood of full datagrams in one flow, to a usual service or a new one, also beside
    /// connections to another.
    @Test(arguments: [true, false]) func aFloodOfFullDatagramsIsFenced(isUsual: Bool) throws {
        var attack = Attack()
        attack.introduce(Self.app)
        let data = [UInt8](repeating: 7, count: 1400)
        for number in 0..<32_000 {
            attack.udp(
                at: Double(number) / 4000, Self.app, isUsual ? .resolver : Self.database, 40_000,
                isUsual ? 53 : 9999, data)
        }
        for second in 0..<8 {
            attack.visit(
                at: Double(second) + 0.9, Self.app, Self.database, from: UInt16(31_000 + second),
                port: 5432)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-app"], "\(outcome)")
    }

    /// Pictures one way, and a copy over a connection that is acknowledged, are none.
    @Test(arguments: [true, false]) func aCopyIsNoFlood(isAcknowledged: Bool) throws {
        var traffic = Attack()
        traffic.introduce(Self.app)
        let data = [UInt8](repeating: 7, count: 1316)
        if isAcknowledged {
            traffic.visit(
                at: 0, Self.app, Self.database, from: 40_000, port: 5432, isClosed: false)
        }
        for number in 0..<(isAcknowledged ? 30_000 : 12_000) {
            let time = 0.01 + Double(number) / (isAcknowledged ? 4000 : 1200)
            guard isAcknowledged else {
                traffic.udp(at: time, Self.app, Member.store.at("veth-store"), 40_000, 5004, data)
                continue
            }
            traffic.tcp(
                at: time, Self.app, Self.database, 40_000, 5432, flags: 0x10,
                sequence: 1201 + UInt32(number) * 1400, acknowledgment: 801, size: 1400)
            guard number % 4 == 0 else { continue }
            traffic.tcp(
                at: time + 0.000_1, Self.database, Self.app, 5432, 40_000, flags: 0x10,
                sequence: 801, acknowledgment: 1201 + UInt32(number + 1) * 1400)
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }
}
