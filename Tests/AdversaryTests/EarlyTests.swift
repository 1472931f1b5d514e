import TestKit
import Testing

/// Hosts of known ports whose windows are judged before the second ends.
struct EarlyTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let offender = Member.offender.at("veth-offender")
    private static let app = Member.app.at("veth-app")
    private static let database = Member.database.at("veth-database")

    /// The rule is made a tenth of a second after the first probe, not at the end of the second.
    @Test func aScanIsFencedWithinItsSecond() throws {
        var attack = Attack()
        attack.scan(Self.offender, Self.database, count: 450, open: 2, seconds: 0.9)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
        let time = try #require(outcome.firstFence)
        #expect(time.contains("T01:15:00.1") || time.contains("T01:15:00.0"), "\(time)")
    }

    /// Without a port, the owner of a forged address resets the flows only later: the second is
    /// waited for.
    @Test func aScanWithoutAPortIsJudgedAtTheEndOfItsSecond() throws {
        var attack = Attack()
        attack.scan(.offender, .database, count: 450, open: 2, seconds: 0.9)
        let outcome = try bench.judge(attack)
        let time = try #require(outcome.firstFence)
        #expect(time.contains("T01:15:01.000000"), "\(time)")
    }

    /// Answers from far away are under way when the window is judged.
    @Test(arguments: [true, false]) func aBurstOfNewContactsIsNoScan(isToPorts: Bool) throws {
        var traffic = Attack()
        for number in 0..<128 {
            let peer = Member(
                isToPorts ? "203.0.113.9" : "203.0.113.\(number)", card: Member.outside.card)
            let port = isToPorts ? UInt16(8000 + number) : 443
            let (at, source) = (Double(number) / 10_000, UInt16(40_000 + number))
            traffic.tcp(at: at, Self.app, peer, source, port)
            traffic.tcp(
                at: at + 0.15, peer, Self.app, port, source, flags: 0x12, sequence: 500,
                acknowledgment: 1001)
            traffic.tcp(
                at: at + 0.151, Self.app, peer, source, port, flags: 0x10, sequence: 1001,
                acknowledgment: 501)
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// The same contacts without any answer are one at the end of the second.
    @Test func theSameContactsWithoutAnswersAreAScan() throws {
        var traffic = Attack()
        for number in 0..<128 {
            let peer = Member("203.0.113.\(number)", card: Member.outside.card)
            let (at, source) = (Double(number) / 10_000, UInt16(40_000 + number))
            traffic.tcp(at: at, Self.app, peer, source, 443)
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced == ["port:veth-app"], "\(outcome)")
        #expect(outcome.firstFence?.contains(".000000") == true, "\(outcome)")
    }
}
