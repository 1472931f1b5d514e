import NetworkAddresses
import TestKit
import Testing

/// A host behind a port with several IPv6 addresses of its own, which no inventory names: it is
/// accused by what it says, never because nobody knows its addresses.
struct TemporaryAddressTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let server = Member("fd60:1::11", card: Member.web.card, port: "v9")

    /// One of the addresses of the host behind the port.
    private static func own(_ number: Int) -> Member {
        Member(
            "fd60:4::\(String(0x100 + number, radix: 16))", card: Member.offender.card,
            port: "v1")
    }

    /// Requests to a web server and its answers.
    enum Words: String, CaseIterable, CustomTestStringConvertible {
        case page, form, other

        var testDescription: String { rawValue }

        var lines: [Line] {
            switch self {
            case .page: AdversaryTests.Words.http(200)
            case .form: AdversaryTests.Words.form(200, 7)
            case .other:
                [
                    Line(isClient: true, bytes: [UInt8](repeating: 65, count: 200)),
                    Line(isClient: false, bytes: [UInt8](repeating: 65, count: 300)),
                ]
            }
        }
    }

    /// Three hundred connections in a minute, of equal sizes, by six addresses one after the other
    /// or all at once.
    @Test(arguments: Words.allCases, [true, false])
    func equalConnectionsOfItsOwnAddresses(words: Words, isInTurn: Bool) throws {
        var traffic = Attack()
        for number in 0..<300 {
            traffic.talk(
                at: Double(number) / 5, Self.own(isInTurn ? number / 50 : number % 6), Self.server,
                UInt16(20_000 + number), 80, words.lines)
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        let wrong: Set = ["password_guessing", "spoofed_source_addresses"]
        #expect(!outcome.alerts.contains { wrong.contains($0.pattern) }, "\(outcome)")
        // It is one host, whatever address it uses.
        #expect(
            Set(outcome.alerts.map(\.offender)).isSubset(of: [Self.own(0).address]), "\(outcome)")
    }

    /// The same host guesses passwords: by a header, or by a form.
    @Test(arguments: [401, 403], [true, false])
    func guessesFromItsOwnAddresses(status: Int, isForm: Bool) throws {
        var attack = Attack()
        for number in 0..<300 {
            attack.talk(
                at: Double(number) / 5, Self.own(number % 6), Self.server,
                UInt16(20_000 + number), 80,
                isForm
                    ? AdversaryTests.Words.form(status, number)
                    : AdversaryTests.Words.http(status, user: "Basic \(1000 + number)"))
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:v1"], "\(outcome)")
        #expect(
            outcome.alerts(on: Self.own(0).address).contains {
                $0.pattern == "password_guessing" && $0.decision == "quarantine"
            }, "\(outcome)")
    }

    /// More addresses than a host has are forged ones, though they are in its network.
    @Test func manyAddressesInItsNetwork() throws {
        var attack = Attack()
        for number in 0..<300 {
            attack.tcp(
                at: Double(number) / 50, Self.own(number), Self.server, UInt16(20_000 + number),
                80)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:v1"], "\(outcome)")
        #expect(outcome.alerts.contains { $0.pattern == "spoofed_source_addresses" }, "\(outcome)")
    }

    /// An address that a neighbour uses is the neighbour's.
    @Test func theNeighboursAddress() throws {
        let neighbour = Member("fd60:4::200", card: Member.neighbour.card, port: "v2")
        var attack = Attack()
        attack.visit(at: -20, neighbour, Self.server, from: 30_001, port: 80)
        attack.visit(at: -19, Self.own(0), Self.server, from: 30_002, port: 80)
        for number in 0..<300 {
            attack.tcp(
                at: Double(number) / 50, neighbour.by(Self.own(0)), Self.server,
                UInt16(20_000 + number), 80)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:v1"], "\(outcome)")
        // Its visit of the server is a contact never seen before.
        #expect(
            outcome.alerts(on: neighbour.address).allSatisfy {
                $0.pattern == "contact_never_seen_before" && $0.decision == "watch"
            }, "\(outcome)")
    }
}
