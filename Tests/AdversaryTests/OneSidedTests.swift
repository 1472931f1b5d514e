import TestKit
import Testing

/// Contacts that are used although no answer is seen: whoever uses them is not fenced as a scanner
/// or flooder, and whoever imitates them is.
struct OneSidedTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let offender = Member.offender.at("veth-offender")
    private static let app = Member.app.at("veth-app")
    private static let database = Member.database.at("veth-database")
    private static let web = Member.web.at("veth-web")
    private static let neighbour = Member.neighbour.at("veth-neighbour")
    private static let bystander = Member.bystander.at("veth-bystander")

    // MARK: - Connections

    /// What the opener of connections to an address or a port each sends: SYN, acknowledgment, and
    /// data.
    private static func connect(
        _ from: Member, to contacts: [(peer: Member, port: UInt16)], in attack: inout Attack
    ) {
        for (number, (peer, port)) in contacts.enumerated() {
            let (time, source) = (Double(number) / 10, UInt16(40_000 + number))
            attack.tcp(at: time, from, peer, source, port)
            attack.tcp(
                at: time + 0.02, from, peer, source, port, flags: 0x10, sequence: 1001,
                acknowledgment: 501)
            attack.tcp(
                at: time + 0.021, from, peer, source, port, flags: 0x18, sequence: 1001,
                acknowledgment: 501, size: 300)
        }
    }

    private static func contacts(areHosts: Bool = true) -> [(peer: Member, port: UInt16)] {
        (0..<100).map {
            areHosts ? (Member.outside($0), 443) : (Member.outside(9), UInt16(8000 + $0))
        }
    }

    /// The answers take another path; or every other one does.
    @Test(arguments: [true, false], [0, 2])
    func connectionsOfWhichOneSideIsSeenAreWatched(areHosts: Bool, share: Int) throws {
        var traffic = Attack()
        let contacts = Self.contacts(areHosts: areHosts)
        Self.connect(Self.app, to: contacts, in: &traffic)
        for (number, (peer, port)) in contacts.enumerated()
        where share > 0 && number % share == 0 {
            traffic.tcp(
                at: Double(number) / 10 + 0.01, peer, Self.app, port, UInt16(40_000 + number),
                flags: 0x12, sequence: 500, acknowledgment: 1001)
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts(on: Self.app.address).isEmpty, "\(outcome)")
    }

    /// A scanner acknowledges blindly: it finds something, or closed ports refuse; or the targets
    /// are inside, where no other path exists.
    @Test(arguments: ["found", "refused", "inside"])
    func aScanWithBlindAcknowledgmentsIsFenced(kind: String) throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        let contacts =
            kind == "inside"
            ? (0..<100).map { (Member("10.60.3.\(100 + $0)"), UInt16(443)) } : Self.contacts()
        Self.connect(Self.offender, to: contacts, in: &attack)
        for number in stride(from: 3, to: 100, by: 20) where kind != "inside" {
            attack.tcp(
                at: Double(number) / 10 + (kind == "found" ? 0.01 : 0.03), Member.outside(number),
                Self.offender, 443, UInt16(40_000 + number), flags: kind == "found" ? 0x12 : 4,
                sequence: kind == "found" ? 500 : 501, acknowledgment: 1001)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
    }

    /// Anybody can send data that acknowledges nothing: more such contacts are a scan.
    @Test func aBigScanWithBlindAcknowledgmentsIsFenced() throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        for number in 0..<600 {
            let (time, peer) = (Double(number) / 50, Member.outside(number))
            let source = UInt16(40_000 + number)
            attack.tcp(at: time, Self.offender, peer, source, 443)
            for (delay, flags, size) in [(0.01, UInt8(0x10), 0), (0.011, 0x18, 300)] {
                attack.tcp(
                    at: time + delay, Self.offender, peer, source, 443, flags: flags,
                    sequence: 1001, acknowledgment: 501, size: size)
            }
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
    }

    /// A scan inside, silent or refused, among as many such connections outside.
    @Test(arguments: [true, false]) func aScanAmongSuchConnectionsIsFenced(isRefused: Bool) throws {
        var attack = Attack()
        attack.introduce(Self.offender, Self.database)
        Self.connect(Self.offender, to: Self.contacts(), in: &attack)
        for number in 0..<100 {
            let (time, port) = (Double(number) / 10 + 0.05, UInt16(1 + number))
            attack.tcp(at: time, Self.offender, Self.database, 54_321, port)
            guard isRefused else { continue }
            attack.tcp(
                at: time + 0.000_1, Self.database, Self.offender, port, 54_321, flags: 0x14,
                sequence: 0, acknowledgment: 1001)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
    }

    /// One that nothing answers is the same as a client whose answers are not seen: it is named.
    @Test func aScanThatNothingAnswersIsNamed() throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        Self.connect(Self.offender, to: Self.contacts(areHosts: false), in: &attack)
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Self.offender.address).contains {
                $0.pattern == "port_scan" && $0.decision == "watch"
            }, "\(outcome)")
    }

    /// Somebody else resets the connections in the peers' names: that takes nothing from the
    /// client, and shows who does it.
    @Test func resetsInThePeersNamesDoNotAccuseTheClient() throws {
        var attack = Attack()
        attack.introduce(Self.bystander, Self.app)
        Self.connect(Self.app, to: Self.contacts(), in: &attack)
        for number in 0..<100 {
            attack.tcp(
                at: Double(number) / 10 + 0.04, Member.outside(number).by(Self.bystander), Self.app,
                443,
                UInt16(40_000 + number), flags: 4, sequence: 501)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.contains("port:veth-bystander"), "\(outcome)")
        #expect(outcome.fenced.isDisjoint(with: ["port:veth-app", Self.app.address]), "\(outcome)")
    }

    // MARK: - Streams

    private static let sound = [UInt8](repeating: 0x80, count: 172)

    /// Sound to new ports of three hosts, which answer nothing.
    private static func call(_ from: Member, in attack: inout Attack, calls: Int = 30) {
        for number in 0..<calls {
            let callee = [app, offender, neighbour][number % 3]
            for packet in 0..<200 {
                attack.udp(
                    at: Double(number) / 10 + 0.02 * Double(packet), from, callee,
                    UInt16(10_000 + 2 * number), UInt16(20_000 + 2 * number), sound)
            }
        }
    }

    @Test(arguments: [true, false]) func oneWayStreamsAreWatched(hasPort: Bool) throws {
        let from = hasPort ? Self.web : .web
        var traffic = Attack()
        Self.call(from, in: &traffic)
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts(on: from.address).isEmpty, "\(outcome)")
    }

    /// A bystander refuses them in the callees' names.
    @Test func forgedRefusalsDoNotAccuseTheCaller() throws {
        var attack = Attack()
        attack.introduce(Self.bystander, Self.app, Self.offender, Self.neighbour, Self.web)
        Self.call(Self.web, in: &attack)
        for number in 0..<30 {
            let callee = [Self.app, Self.offender, Self.neighbour][number % 3]
            attack.unreachable(
                at: Double(number) / 10 + 0.03, callee.by(Self.bystander), Self.web,
                source: UInt16(10_000 + 2 * number), port: UInt16(20_000 + 2 * number))
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-bystander"], "\(outcome)")
    }

    /// A scan of UDP by forty datagrams for each port, of which the target refuses one in ten; one
    /// that does so for two of five ports; and one by which nothing is refused: of fewer ports than
    /// calls have, it is named.
    @Test(arguments: ["refused", "mixed", "silent", "few"])
    func aScanOfManyPackets(kind: String) throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        for number in 0..<(kind == "few" ? 40 : 80) {
            let (start, port) = (Double(number) / 15, UInt16(2000 + number))
            for packet in 0..<(kind != "mixed" || number % 5 < 2 ? 40 : 1) {
                attack.udp(
                    at: start + Double(packet) / 50, Self.offender, Self.database, 50_000, port,
                    [0])
            }
            guard kind == "refused", number % 10 == 0 else { continue }
            attack.unreachable(
                at: start + 0.001, Self.database, Self.offender, source: 50_000, port: port)
        }
        let outcome = try bench.judge(attack)
        // A window of a minute has packets of the sample, which has no ports.
        let fenced: [Set<String>] =
            kind == "few" ? [[]] : [["port:veth-offender"], [Self.offender.address]]
        #expect(fenced.contains(outcome.fenced), "\(outcome)")
        #expect(
            outcome.alerts(on: Self.offender.address).contains { $0.pattern == "port_scan" },
            "\(outcome)")
    }

    /// Floods in flows faster than pictures, in more flows than calls, in one flow, and in one flow
    /// beside two streams.
    @Test(
        arguments: [(40, 250, 4, 0), (200, 50, 2, 0), (1, 2000, 6, 0), (1, 2000, 6, 2)]
            as [(Int, Int, Double, Int)])
    func aFloodOfFewFlowsIsFenced(flows: Int, rate: Int, seconds: Double, streams: Int) throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        for flow in 0..<flows + streams {
            let rate = flow < flows ? rate : 50
            for packet in 0..<Int(Double(rate) * seconds) {
                attack.udp(
                    at: Double(flow) / 10_000 + Double(packet) / Double(rate), Self.offender,
                    Self.web, UInt16(40_000 + flow), UInt16(20_000 + flow), Self.sound)
            }
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
    }

    // MARK: - Checks and measurements

    /// Half-open checks by a new balancer, and the same at a rate at which they are a flood.
    @Test(arguments: [(5, 20, false), (1, 30, true)])
    func halfOpenConnections(services: Int, rate: Int, isFlood: Bool) throws {
        var attack = Attack()
        let balancer = Member("10.60.1.12").at("veth-balancer")
        attack.introduce(balancer)
        for number in 0..<rate * 15 {
            let target = Member("10.60.2.\(11 + number % services)").at("veth-\(number % services)")
            let (time, source) = (Double(number) / Double(rate), UInt16(30_000 + number))
            attack.tcp(at: time, balancer, target, source, 8080)
            attack.tcp(
                at: time + 0.001, target, balancer, 8080, source, flags: 0x12, sequence: 5,
                acknowledgment: 1001)
            attack.tcp(
                at: time + 0.002, balancer, target, source, 8080, flags: 4, sequence: 1001)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == (isFlood ? ["port:veth-balancer"] : []), "\(outcome)")
    }

    /// Measurements to a collector that is down, or takes them and says nothing; floods of its
    /// port; and a scan that is as slow. Outside, nobody collects measurements.
    @Test(
        arguments: [
            (50, 1, true), (300, 1, true), (75, 1, false), (300, 1, false), (2000, 1, false),
            (50, 300, true),
        ], [true, false])
    func datagramsOfNewPorts(row: (rate: Int, ports: Int, isRefused: Bool), isInside: Bool) throws {
        let (rate, ports, isRefused) = row
        let target = isInside ? Self.web : Member.outside(9)
        var attack = Attack()
        attack.introduce(Self.offender, Self.web)
        for number in 0..<rate * 10 {
            let (time, source) = (Double(number) / Double(rate), UInt16(30_000 + number))
            let port = UInt16(8125 + number % ports)
            attack.udp(at: time, Self.offender, target, source, port, [1, 2, 3])
            // The kernel limits how many it refuses.
            guard isRefused, number < 6 || number % rate == 0 else { continue }
            attack.unreachable(at: time + 0.001, target, Self.offender, source: source, port: port)
        }
        let isInnocent = ports == 1 && rate <= (isRefused ? 100 : 300) && isInside
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == (isInnocent ? [] : ["port:veth-offender"]), "\(outcome)")
        #expect(!outcome.alerts(on: Self.offender.address).isEmpty, "\(outcome)")
    }
}
