import TestKit
import Testing

/// DNS questions that no packet has as a whole, or that share a segment: a tunnel must not hide in
/// them, and its resolver, which asks on, must not look like its origin.
struct CutQuestionTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let client = Member.offender.at("veth-offender")
    private static let upstream = Member("203.0.113.53", card: Member.outside.card)

    /// A name of 150 bytes that no other number has.
    private static func name(_ number: Int) -> String {
        var state = UInt64(number + 1)
        let labels = (0..<3).map { _ in
            (0..<44).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return String(state >> 60, radix: 16)
            }.joined()
        }
        return labels.joined(separator: ".") + ".t.example.com"
    }

    /// The resolver asks outside for a name.
    private static func forward(
        _ name: String, _ number: Int, at time: Double, in attack: inout Attack
    ) {
        let port = UInt16(30_000 + number)
        attack.ask(at: time + 0.001, .resolver, upstream, port, name)
        attack.ask(at: time + 0.006, upstream, .resolver, port, name, isAnswer: true)
    }

    private func expectTunnel(
        _ attack: Attack, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Self.client.address).contains { $0.pattern == "dns_tunnel" },
            "\(outcome)", sourceLocation: sourceLocation)
        #expect(
            outcome.fenced.contains("port:veth-offender")
                && outcome.fenced.isSubset(of: ["port:veth-offender", Self.client.address]),
            "\(outcome)", sourceLocation: sourceLocation)
        #expect(
            !outcome.alerts(on: Member.resolver.address).contains { $0.pattern == "dns_tunnel" },
            "\(outcome)", sourceLocation: sourceLocation)
    }

    private func expectNoTunnel(
        _ traffic: Attack, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)", sourceLocation: sourceLocation)
        #expect(
            !outcome.alerts.contains { $0.pattern == "dns_tunnel" }, "\(outcome)",
            sourceLocation: sourceLocation)
    }

    // MARK: - Fragments

    @Test(arguments: [8, 16, 24, 64], [true, false])
    func aTunnelInFragments(cut: Int, isReversed: Bool) throws {
        var attack = Attack()
        attack.introduce(Self.client)
        for number in 0..<200 {
            let (time, name) = (Double(number) / 10, Self.name(number))
            let message = Frame.udp(
                UInt16(20_000 + number), 53, Frame.dns(name, identifier: UInt16(number)))
            let parts = [(message[..<cut], 0x2000), (message[cut...], cut / 8)]
            for (place, part) in parts.enumerated() {
                let later = (place == 1) != isReversed
                attack.add(
                    time + (later ? 0.000_1 : 0), Self.client, .resolver,
                    [8, 0]
                        + Frame.ipv4(
                            Self.client.address, Member.resolver.address, 17, Array(part.0),
                            identifier: UInt16(number + 1), fragment: UInt16(part.1)))
            }
            Self.forward(name, number, at: time, in: &attack)
            attack.ask(
                at: time + 0.01, .resolver, Self.client, UInt16(20_000 + number), name,
                isAnswer: true)
        }
        try expectTunnel(attack)
    }

    // MARK: - TCP

    private static func message(_ name: String, _ number: Int) -> [UInt8] {
        let message = Frame.dns(name, identifier: UInt16(truncatingIfNeeded: number * 7919))
        return Frame.bytes(UInt64(message.count), 2) + message
    }

    /// A connection to the resolver, with the client's segments a tenth of a second apart.
    private static func connection(_ segments: [[UInt8]], in attack: inout Attack) {
        attack.introduce(client)
        attack.tcp(at: -0.3, client, .resolver, 40_000, 53)
        attack.tcp(
            at: -0.2, .resolver, client, 53, 40_000, flags: 0x12, sequence: 10, acknowledgment: 1001
        )
        attack.tcp(
            at: -0.1, client, .resolver, 40_000, 53, flags: 0x10, sequence: 1001,
            acknowledgment: 11)
        var sequence: UInt32 = 1001
        for (number, segment) in segments.enumerated() {
            attack.add(
                Double(number) / 10, client, .resolver,
                Attack.packet(
                    client, .resolver,
                    Frame.tcp(
                        40_000, 53, flags: 0x18, sequence: sequence, acknowledgment: 11,
                        payload: segment)))
            sequence += UInt32(segment.count)
        }
    }

    /// The bytes of a stream in pieces of `size`, after the first `first`.
    private static func pieces(_ stream: [UInt8], first: Int, size: Int) -> [[UInt8]] {
        [Array(stream[..<first])]
            + stride(from: first, to: stream.count, by: size).map {
                Array(stream[$0..<min($0 + size, stream.count)])
            }
    }

    enum Form: String, CaseIterable {
        /// The length by itself; a question in two halves; a short known question first.
        case split, half, decoy
        /// After a single byte, so that no segment begins with a message; in small pieces; a
        /// message without a question first.
        case shifted, small, preceded
    }

    @Test(arguments: Form.allCases) func aTunnelOverTCP(form: Form) throws {
        var attack = Attack()
        let names = (0..<200).map(Self.name)
        let messages = names.enumerated().map { Self.message($1, $0) }
        let short = Self.message("web.shop.lab", 3)
        var segments: [[UInt8]] = []
        switch form {
        case .split: segments = messages.flatMap { [Array($0[..<2]), Array($0[2...])] }
        case .half: segments = messages.flatMap { [Array($0[..<20]), Array($0[20...])] }
        case .decoy, .preceded:
            let first =
                form == .decoy ? short : [0, 12, 0, 7, 0x30, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            segments = stride(from: 0, to: 200, by: 4).map {
                first + messages[$0..<$0 + 4].flatMap { $0 }
            }
        case .shifted: segments = Self.pieces(messages.flatMap { $0 }, first: 1, size: 168)
        case .small: segments = Self.pieces(messages.flatMap { $0 }, first: 1, size: 30)
        }
        Self.connection(segments, in: &attack)
        for (number, name) in names.enumerated() {
            let share = Double(segments.count) / Double(names.count) / 10
            Self.forward(name, number, at: 0.1 + Double(number) * share, in: &attack)
        }
        try expectTunnel(attack)
    }

    /// Short names: as clients send them, several at once, or with their length by itself; and an
    /// update with a signature in segments of an Ethernet.
    @Test(arguments: ["whole", "several", "split", "update"])
    func questionsOfEveryDayOverTCP(kind: String) throws {
        let messages = (0..<200).map { Self.message("host-\($0 % 20).shop.lab", $0) }
        var segments: [[UInt8]] = []
        switch kind {
        case "whole": segments = messages
        case "split": segments = messages.flatMap { [Array($0[..<2]), Array($0[2...])] }
        case "several":
            segments = stride(from: 0, to: 200, by: 4).map { Array(messages[$0..<$0 + 4].joined()) }
        default:
            var update = Frame.dns("shop.lab", identifier: 9)
            update[2] = 0x28
            update += [UInt8](repeating: 0xA5, count: 2700 - update.count)
            segments = Self.pieces(Frame.bytes(2700, 2) + update, first: 1448, size: 1448)
        }
        var traffic = Attack()
        Self.connection(segments, in: &traffic)
        try expectNoTunnel(traffic)
    }
}
