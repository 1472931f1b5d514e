import NetworkAddresses
import TestKit
import Testing

/// Packets over IPv6 that open no flow, at the ports of a bridge: each is named, and held against
/// its sender alone.
struct UnsolicitedIPv6Tests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let own = Member("fd60:4::11", card: Member.offender.card, port: "v1")
    private static let neighbour = Member("fd60:4::13", card: Member.neighbour.card, port: "v2")
    private static let victim = Member("fd60:4::14", card: Member.bystander.card, port: "v3")

    /// Extension headers before the payload: the number of the first, and their bytes for the
    /// number of what follows.
    enum Headers: String, CaseIterable, CustomTestStringConvertible {
        case none, hopByHop, routingAndOptions, atomicFragment

        var testDescription: String { rawValue }

        func around(_ number: UInt8, _ payload: [UInt8]) -> (next: UInt8, bytes: [UInt8]) {
            switch self {
            case .none: (number, payload)
            case .hopByHop: (0, [number, 0, 1, 4, 0, 0, 0, 0] + payload)
            case .routingAndOptions:
                (43, [60, 0, 0, 0, 0, 0, 0, 0] + [number, 0, 1, 4, 0, 0, 0, 0] + payload)
            case .atomicFragment: (44, [number, 0, 0, 0, 0, 0, 0, 9] + payload)
            }
        }
    }

    /// The members have announced their addresses and talked before.
    private static func introduced() -> Attack {
        var attack = Attack()
        for (from, to) in [(own, neighbour), (neighbour, victim), (victim, own)] {
            attack.neighbour(at: -30, from, from.address, to: to)
            for number in 0..<4 {
                attack.ip6(
                    at: -29 + Double(number) / 10, from, to, next: 58,
                    Frame.icmp(type: 128, code: 0, rest: 7))
                attack.ip6(
                    at: -28.99 + Double(number) / 10, to, from, next: 58,
                    Frame.icmp(type: 129, code: 0, rest: 7))
            }
        }
        return attack
    }

    private func expect(
        _ attack: Attack, _ patterns: Set<String>,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try bench.judge(attack)
        let alerts = outcome.alerts(on: Self.own.address)
        #expect(
            alerts.contains { patterns.contains($0.pattern) && $0.evidence == "port" },
            "\(outcome)", sourceLocation: sourceLocation)
        #expect(outcome.fenced == ["port:v1"], "\(outcome)", sourceLocation: sourceLocation)
        // The short pings of the introduction are contacts never seen before.
        #expect(
            outcome.alerts.allSatisfy {
                $0.offender == Self.own.address || $0.pattern == "contact_never_seen_before"
            }, "\(outcome.alerts)", sourceLocation: sourceLocation)
    }

    /// Scans that open no flow, each refused, behind extension headers.
    @Test(
        arguments: [
            (0x01, "fin_scan"), (0x00, "null_scan"), (0x29, "xmas_scan"), (0x11, "maimon_scan"),
            (0x10, "ack_scan"),
        ], Headers.allCases)
    func scansThatOpenNoFlow(probe: (flags: Int, pattern: String), headers: Headers) throws {
        var attack = Self.introduced()
        for number in 0..<300 {
            let (time, port) = (Double(number) / 150, UInt16(1 + number))
            let segment = Frame.tcp(54_321, port, flags: UInt8(probe.flags))
            let (next, bytes) = headers.around(6, segment)
            attack.ip6(at: time, Self.own, Self.victim, next: next, bytes)
            attack.ip6(
                at: time + 0.000_1, Self.victim, Self.own, next: 6,
                Frame.tcp(port, 54_321, flags: 0x14))
        }
        try expect(attack, [probe.pattern])
    }

    /// The same with the neighbour's address: only the port's host is accused.
    @Test func aScanInTheNeighboursName() throws {
        var attack = Self.introduced()
        for number in 0..<300 {
            let (next, bytes) = Headers.hopByHop.around(
                6, Frame.tcp(54_321, UInt16(1 + number), flags: 0x29))
            attack.ip6(
                at: Double(number) / 150, Self.neighbour.by(Self.own), Self.victim, next: next,
                bytes)
        }
        try expect(attack, ["xmas_scan", "spoofed_source_addresses"])
    }

    /// Floods that open no flow.
    @Test(arguments: [(0x10, "ack_flood"), (0x04, "rst_flood"), (0x01, "fin_flood")])
    func floodsThatOpenNoFlow(flags: Int, pattern: String) throws {
        var attack = Self.introduced()
        for number in 0..<6000 {
            let (next, bytes) = Headers.routingAndOptions.around(
                6, Frame.tcp(UInt16(10_000 + number), 443, flags: UInt8(flags)))
            attack.ip6(
                at: Double(number) / 1000, Self.own, Self.victim, next: next, bytes)
        }
        try expect(attack, [pattern])
    }

    /// Later fragments without a first one, to one host or sprayed over many, with options before
    /// them.
    @Test(arguments: [1, 8]) func fragmentsWithoutTheirFirst(targets: Int) throws {
        var attack = Self.introduced()
        for number in 0..<6000 {
            let header: [UInt8] =
                [17, 0] + Frame.bytes(UInt64(8 * (1 + number % 100)), 2)
                + Frame.bytes(UInt64(70_000 + number), 4)
            let target =
                targets == 1
                ? Self.victim
                : Member("fd60:4::\(20 + number % targets)", card: Member.bystander.card)
            attack.ip6(
                at: Double(number) / 1000, Self.own, target, next: 0,
                [44, 0, 1, 4, 0, 0, 0, 0] + header + [UInt8](repeating: 7, count: 64))
        }
        try expect(attack, ["fragment_flood"])
    }

    /// Echo replies that nobody asked for, and answers of a name server to nobody's question.
    @Test(arguments: [58, 17] as [UInt8]) func answersToNothing(number: UInt8) throws {
        var attack = Self.introduced()
        for place in 0..<6000 {
            let payload =
                number == 58
                ? Frame.icmp(
                    type: 129, code: 0, rest: UInt32(place) << 16,
                    [UInt8](repeating: 0, count: 32))
                : Frame.udp(53, UInt16(20_000 + place), [UInt8](repeating: 0, count: 32))
            attack.ip6(
                at: Double(place) / 1000, Self.own, Self.victim, next: number, payload)
        }
        try expect(attack, ["reply_flood"])
    }

    /// Errors about connections that were never opened.
    @Test func errorsAboutNothing() throws {
        var attack = Self.introduced()
        for place in 0..<6000 {
            let quoted = Frame.ipv6(
                Self.victim.address, Self.own.address, 6,
                Frame.tcp(UInt16(20_000 + place), 443, flags: 0x10))
            attack.ip6(
                at: Double(place) / 1000, Self.own, Self.victim, next: 58,
                Frame.icmp(type: 1, code: 4, quoted))
        }
        try expect(attack, ["reply_flood"])
    }

    /// INIT chunks to many ports, refused with ABORT (nmap -sY), and COOKIE ECHO chunks without an
    /// association (nmap -sZ), which hosts without SCTP refuse with ICMP.
    @Test(arguments: [1, 10] as [UInt8]) func scansOfSCTP(chunk: UInt8) throws {
        var attack = Self.introduced()
        for number in 0..<300 {
            let (time, port) = (Double(number) / 150, UInt16(1 + number))
            let probe = Frame.sctp(
                54_321, port, [chunk, 0, 0, 20] + [UInt8](repeating: 1, count: 16))
            attack.ip6(at: time, Self.own, Self.victim, next: 132, probe)
            let refusal = Frame.sctp(port, 54_321, [6, 0, 0, 4])
            let unreachable = Frame.icmp(
                type: 1, code: 4, Frame.ipv6(Self.own.address, Self.victim.address, 132, probe))
            attack.ip6(
                at: time + 0.000_1, Self.victim, Self.own, next: chunk == 1 ? 132 : 58,
                chunk == 1 ? refusal : unreachable)
        }
        try expect(attack, ["port_scan"])
    }

    /// A packet of each protocol (nmap -sO).
    @Test func aScanOfProtocols() throws {
        var attack = Self.introduced()
        for number in UInt8(61)...130 {
            attack.ip6(
                at: Double(number) / 20, Self.own, Self.victim, next: number,
                [UInt8](repeating: 0, count: 8))
        }
        try expect(attack, ["protocol_scan"])
    }

    /// Errors that a path's routers send about packets of known flows accuse nobody.
    @Test func errorsOfAPathAreQuiet() throws {
        var traffic = Self.introduced()
        let segment = Frame.tcp(
            40_000, 443, flags: 0x10, sequence: 1001, payload: [UInt8](repeating: 7, count: 150))
        traffic.ip6(
            at: 0, Self.own, Self.victim, next: 6, Frame.tcp(40_000, 443, flags: 2))
        traffic.ip6(
            at: 0.001, Self.victim, Self.own, next: 6,
            Frame.tcp(443, 40_000, flags: 0x12, sequence: 1, acknowledgment: 1001))
        for number in 0..<300 {
            let time = 0.002 + Double(number) / 20
            traffic.ip6(at: time, Self.own, Self.victim, next: 6, segment)
            traffic.ip6(
                at: time + 0.001, Self.victim, Self.own, next: 58,
                Frame.icmp(
                    type: 2, code: 0, rest: 1280,
                    Frame.ipv6(Self.own.address, Self.victim.address, 6, segment)))
        }
        let outcome = try bench.judge(traffic)
        #expect(
            outcome.alerts.allSatisfy {
                $0.pattern == "contact_never_seen_before" && $0.decision == "watch"
            },
            "\(outcome.alerts)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }
}
