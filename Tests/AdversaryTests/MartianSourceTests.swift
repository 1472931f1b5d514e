import TestKit
import Testing

/// Packets from addresses that no host on a network has.
struct MartianSourceTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let database = Member.database.at("veth-database")

    /// The port shows who sends them, also where it has no address yet.
    @Test(arguments: ["127.0.0.1", "127.8.7.6", "0.0.0.9", "240.1.2.3"], [true, false])
    func aScanIsHeldAgainstItsPort(source: String, isIntroduced: Bool) throws {
        let offender = Member.offender.at("veth-offender")
        var attack = Attack()
        if isIntroduced {
            attack.gratuitous(at: -3, offender)
            attack.visit(at: -2, offender, Self.database, from: 29_000, port: 5432)
        }
        attack.scan(
            Member(source, card: offender.card, port: offender.port), Self.database, count: 300,
            open: 0)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
    }

    /// Somebody sends them with another host's MAC address before that host sends anything.
    @Test func nobodyIsAccusedOfHisOwnAddressAfterwards() throws {
        var attack = Attack()
        let newcomer = Member("10.60.4.77")
        for number in 0..<5 {
            attack.tcp(
                at: Double(number) / 10, Member("127.0.0.1", card: newcomer.card), .database,
                UInt16(54_000 + number), 5432)
        }
        attack.visits(newcomer, .database, port: 5432, count: 40, seconds: 10)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts.contains { $0.pattern == "spoofed_source_addresses" }, "\(outcome)")
    }
}
