import TestKit
import Testing

/// A port whose host has sent nothing with an address of its own.
struct SilentPortTests {
    private static let offender = Member.offender.at("v1")
    private static let neighbour = Member.neighbour.at("v2")
    private let bench: Bench

    init() throws { bench = try Bench() }

    /// Its first frames bear an address that the baseline gives to another port's MAC address.
    @Test func aHostThatOnlyForgesIsFencedAtItsPort() throws {
        var attack = Attack()
        attack.visit(
            at: -2, Self.neighbour, .database.at("v3"), from: 31_000, port: 5432)
        attack.flood(
            Self.neighbour.by(Self.offender), .database.at("v3"), port: 5432, count: 2500,
            answer: 0x14)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:v1"], "\(outcome)")
        #expect(
            outcome.alerts.allSatisfy {
                $0.offender != Member.neighbour.address || $0.decision == "watch"
            }, "\(outcome.alerts)")
        // Neither address is known to be its own.
        #expect(outcome.alerts(on: "fe80::42:aff:fe3c:40b").contains { $0.evidence == "port" })
    }

    /// Who takes a silent host's address first does not make that host a forger.
    @Test(arguments: [false, true])
    func theOwnerOfAStolenAddressIsNotAccused(copiesMAC: Bool) throws {
        var attack = Attack()
        let thief =
            copiesMAC
            ? Member.neighbour.at("v1") : Self.neighbour.by(Self.offender)
        attack.flood(thief, .database.at("v3"), port: 5432, count: 1000, seconds: 2, answer: 0x14)
        attack.flood(
            Self.neighbour, .database.at("v3"), port: 5432, count: 3000, seconds: 6, answer: 0x14)
        let outcome = try bench.judge(attack)
        #expect(!outcome.fenced.contains("port:v2"), "\(outcome)")
    }

    /// A container that was made again has its address with another MAC address, at another port.
    @Test func aContainerThatWasMadeAgainIsNoForger() throws {
        var attack = Attack()
        attack.visits(Self.neighbour, .database.at("v3"), port: 5432, count: 20, seconds: 4)
        attack.remove(port: "v2", at: 5)
        let again = Member(Member.neighbour.address, card: "02:66:00:00:00:01", port: "v4")
        for number in 0..<20 {
            attack.visit(
                at: 6 + Double(number) / 5, again, .database.at("v3"),
                from: UInt16(40_000 + number), port: 5432)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(outcome.alerts.allSatisfy { $0.pattern != "spoofed_source_addresses" })
    }
}
