import TestKit
import Testing

/// Connections that a server accepts and ends at once: it has too many, or is a proxy without a
/// target. Its clients only try again.
struct EndedConnectionTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let app = Member.app.at("veth-app")
    private static let database = Member.database.at("veth-database")
    private static let accomplice = Member.bystander.at("veth-bystander")

    /// How the server ends a connection.
    enum End: CaseIterable { case silence, banner, unanswered, reset }

    /// Connections that are ended, `rate` a second for 40 seconds.
    private static func endedConnections(
        _ to: Member, port: UInt16, rate: Int, _ end: End, in attack: inout Attack
    ) {
        for number in 0..<rate * 40 {
            let time = Double(number) / Double(rate)
            let source = UInt16(30_000 + number)
            guard end == .reset else {
                let lines: [Line] =
                    end == .banner
                    ? [.down("Too many connections")] : end == .unanswered ? [.up("hello")] : []
                attack.talk(
                    at: time, app, to, source, port, lines, closedBy: .server, pause: 0.000_2)
                continue
            }
            attack.talk(at: time, app, to, source, port, [], closedBy: .nobody, pause: 0.000_2)
            attack.tcp(
                at: time + 0.001, to, app, port, source, flags: 0x14, sequence: 501,
                acknowledgment: 1001)
        }
    }

    @Test(arguments: End.allCases, [true, false])
    func clientsTryAgain(end: End, isUsual: Bool) throws {
        for rate in isUsual ? [10, 20, 150] : [10, 20] {
            var traffic = Attack()
            traffic.introduce(Self.app, Self.database, Self.accomplice)
            Self.endedConnections(
                isUsual ? Self.database : Self.accomplice, port: isUsual ? 5432 : 7000,
                rate: rate, end, in: &traffic)
            let outcome = try bench.judge(traffic)
            #expect(outcome.fenced.isEmpty, "\(rate) a second: \(outcome)")
        }
    }

    /// More than clients try.
    @Test(arguments: [true, false]) func aFloodIsFenced(isUsual: Bool) throws {
        var attack = Attack()
        attack.introduce(Self.app, Self.database, Self.accomplice)
        Self.endedConnections(
            isUsual ? Self.database : Self.accomplice, port: isUsual ? 5432 : 7000,
            rate: isUsual ? 400 : 100, .silence, in: &attack)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-app"], "\(outcome)")
    }

    /// An accomplice that ends connections, or has them cut off by a RST in its name, is no service
    /// that refuses its clients.
    @Test(arguments: [true, false]) func endedConnectionsHideNoGuessing(isCut: Bool) throws {
        let offender = Member.offender.at("veth-offender")
        var attack = Attack()
        attack.introduce(offender, Self.database, Self.accomplice)
        for number in 0..<300 {
            let time = Double(number) / 20
            let words: [Line] = [.down("220 ready\r\n"), .up("USER a\r\n"), .down("331 more\r\n")]
            attack.talk(
                at: time, offender, Self.database, UInt16(20_000 + number), 21,
                words + [.up("PASS \(1000 + number)\r\n"), .down("530 no\r\n")])
            for part in 0..<2 {
                let (start, source) = (
                    time + 0.02 * Double(part + 1), UInt16(40_000 + 2 * number + part)
                )
                guard isCut else {
                    attack.talk(
                        at: start, offender, Self.accomplice, source, 7000, [], closedBy: .server)
                    continue
                }
                attack.tcp(at: start, offender, Self.accomplice, source, 7000)
                for flags: UInt8 in [0x14, 0x12] {
                    attack.tcp(
                        at: start + (flags == 0x14 ? 0.001 : 0.002), Self.accomplice, offender,
                        7000, source, flags: flags, sequence: flags == 0x14 ? 0 : 500,
                        acknowledgment: 1001)
                }
            }
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.contains("port:veth-offender"), "\(outcome)")
    }

    /// Ports where all that a short connection can be is a login.
    @Test(arguments: [22, 636, 993, 3389] as [UInt16], [0.5, 2])
    func anEndWithoutAWordIsNoLogin(port: UInt16, rate: Double) throws {
        var traffic = Attack()
        traffic.introduce(Self.app, Self.accomplice)
        for number in 0..<Int(60 * rate) {
            traffic.talk(
                at: Double(number) / rate, Self.app, Self.accomplice, UInt16(20_000 + number), port,
                number % 2 == 0 ? [] : [.up("hello")], closedBy: .server)
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Half-open connections beside as many that the database ends.
    @Test func endedConnectionsHideNoHalfOpenOnes() throws {
        var attack = Attack()
        attack.introduce(Self.app, Self.database)
        Self.endedConnections(Self.database, port: 5432, rate: 95, .unanswered, in: &attack)
        attack.flood(
            Self.app, Self.database, port: 5432, count: 90 * 40, seconds: 40, answer: 0x12)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-app"], "\(outcome)")
    }

    /// What an accomplice sends to a port that the attacker has opened is no demand.
    @Test(arguments: [true, false]) func anUploadByAnAccompliceHidesNoFlood(isOutside: Bool) throws
    {
        let helper = isOutside ? Member.outside(5) : Self.accomplice
        var attack = Attack()
        attack.introduce(Self.app, Self.database, Self.accomplice)
        attack.talk(
            at: 0, helper, Self.app, 30_000, 7777, [.up("go"), .down("ok")], closedBy: .nobody)
        for number in 0..<2000 * 10 {
            let time = 0.1 + Double(number) / 2000
            attack.tcp(
                at: time, helper, Self.app, 30_000, 7777, flags: 0x18,
                sequence: 1003 + UInt32(number) * 100, acknowledgment: 503, size: 100)
            guard number % 2 == 0 else { continue }
            attack.tcp(
                at: time + 0.000_1, Self.app, helper, 7777, 30_000, flags: 0x10, sequence: 503,
                acknowledgment: 1103 + UInt32(number) * 100)
        }
        attack.flood(
            Self.app, Self.database, port: 5432, count: 1000 * 8, seconds: 8, answer: 0x12)
        let outcome = try bench.judge(attack)
        #expect(
            outcome.fenced.contains("port:veth-app"), "\(outcome)")
    }
}
