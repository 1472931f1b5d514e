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
