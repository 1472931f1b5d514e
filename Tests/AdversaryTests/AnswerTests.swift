import TestKit
import Testing

/// Answers that are late, forged or given in another's name: whoever opened the flows is not
/// accused because of them, and no scanner hides by them.
struct AnswerTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let offender = Member.offender.at("veth-offender")
    private static let app = Member.app.at("veth-app")
    private static let database = Member.database.at("veth-database")
    private static let web = Member.web.at("veth-web")

    /// New contacts outside, opened within 7 ms, whose answers come 150 ms later.
    private static func burst(_ from: Member, at start: Double, isToPorts: Bool = false) -> Attack {
        var traffic = Attack()
        for number in 0..<64 {
            let (peer, port) = contact(number, isToPorts)
            let (at, source) = (start + Double(number) / 10_000, UInt16(40_000 + number))
            traffic.tcp(at: at, from, peer, source, port)
            traffic.tcp(
                at: at + 0.15, peer, from, port, source, flags: 0x12, sequence: 500,
                acknowledgment: 1001)
            traffic.tcp(
                at: at + 0.151, from, peer, source, port, flags: 0x10, sequence: 1001,
                acknowledgment: 501)
        }
        return traffic
    }

    private static func contact(
        _ number: Int, _ isToPorts: Bool = false
    ) -> (peer: Member, port: UInt16) {
        let address = isToPorts ? "203.0.113.9" : "203.0.113.\(number)"
        return (
            Member(address, card: Member.outside.card), isToPorts ? UInt16(8000 + number) : 443
        )
    }

    // MARK: - Answers on their way

    /// The second ends while the answers are on their way.
    @Test(arguments: [nil, "veth-app"] as [String?], [true, false])
    func aBurstAtTheEndOfASecondIsNoScan(port: String?, isToPorts: Bool) throws {
        let from = port.map { Member.app.at($0) } ?? .app
        let outcome = try bench.judge(Self.burst(from, at: 0.97, isToPorts: isToPorts))
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts.contains { $0.pattern.hasSuffix("scan") }, "\(outcome)")
    }

    /// Probes that are sent at the end of each second are a scan in the next one, also among
    /// questions that stay unanswered.
    @Test(arguments: [true, false]) func aScanAtTheEndOfEachSecondIsOne(hasQuestions: Bool) throws {
        var attack = Attack()
        attack.introduce(Self.offender)
        for number in 0..<100 {
            let second = Double(number / 20)
            let place = Double(number % 20) / 50
            attack.tcp(
                at: second + place + (hasQuestions ? 0.05 : 0.55), Self.offender, Self.database,
                54_321, UInt16(1 + number))
            guard hasQuestions else { continue }
            for more in 0..<2 {
                attack.ask(
                    at: second + 0.55 + place + Double(more) / 200, Self.offender, .resolver,
                    UInt16(30_000 + number * 2 + more), "db.lab")
            }
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-offender"], "\(outcome)")
        #expect(outcome.firstFence?.contains("T01:15:0") == true, "\(outcome)")
    }

    // MARK: - Resets

    /// RSTs in the names of servers, ahead of their answers: by the gateway's MAC address or from
    /// the attacker's port, without the right acknowledgment or with it.
    @Test(arguments: [(true, false), (false, false), (false, true), (true, true)])
    func resetsAheadOfAnswers(isByTheGateway: Bool, isExact: Bool) throws {
        let from = isByTheGateway ? Member.app : Self.app
        var attack = Self.burst(from, at: 0.1)
        if !isByTheGateway { attack.introduce(Self.offender, Self.app) }
        for number in 0..<64 {
            let (peer, port) = Self.contact(number)
            attack.tcp(
                at: 0.1 + Double(number) / 10_000 + 0.000_5,
                isByTheGateway ? peer : peer.by(Self.offender), from, port,
                UInt16(40_000 + number), flags: 0x14, sequence: 0,
                acknowledgment: isExact ? 1001 : 99)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == (isByTheGateway ? [] : ["port:veth-offender"]), "\(outcome)")
        #expect(
            !outcome.alerts(on: from.address).contains { $0.pattern.hasSuffix("scan") },
            "\(outcome)")
    }

    /// A scanner whose accomplice sends RSTs in the target's name is a scanner.
    @Test(arguments: [1001, 99] as [UInt32])
    func anAccomplicesResetsHideNoScan(acknowledgment: UInt32) throws {
        let accomplice = Member.bystander.at("veth-bystander")
        var attack = Attack()
        attack.introduce(Self.offender, accomplice)
        attack.scan(Self.offender, Self.database, count: 450, open: 2, seconds: 0.9)
        for number in 0..<450 {
            attack.tcp(
                at: 0.9 * Double(number) / 450 + 0.000_05, Self.database.by(accomplice),
                Self.offender, UInt16(1 + number), 54_321, flags: 0x14, sequence: 0,
                acknowledgment: acknowledgment)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.contains("port:veth-offender"), "\(outcome)")
        #expect(outcome.fenced.isDisjoint(with: ["port:veth-database"]), "\(outcome)")
    }

    /// A service that refuses several of its clients excuses the retries of each, and no flood.
    @Test func aServiceThatIsDownHidesNoFlood() throws {
        var attack = Attack()
        attack.introduce(Self.app)
        attack.outage(
            of: (12...15).map { Member("10.60.2.\($0)", port: "veth-app\($0)") }, seconds: 10,
            rate: 10)
        attack.flood(
            Self.app, Self.database, port: 5432, count: 15_000, seconds: 6, answer: 0x14)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-app"], "\(outcome)")
    }

    /// Three hundred closed ports among as many that an accomplice has opened; and one in twenty
    /// closed among those of a server that names its ports (passive FTP).
    @Test(arguments: [true, false]) func anAccomplicesPortsHideNoScan(isScan: Bool) throws {
        let accomplice = Member.bystander.at("veth-bystander")
        var attack = Attack()
        attack.introduce(Self.offender, accomplice)
        for number in 0..<310 {
            let time = 0.1 + Double(number) / 50
            attack.visit(
                at: time, Self.offender, accomplice, from: UInt16(30_000 + number),
                port: UInt16(10_000 + number))
            guard isScan || number % 20 == 0 else { continue }
            let port = UInt16(isScan ? 1 + number : 20_000 + number)
            let target = isScan ? Self.database : accomplice
            attack.tcp(at: time + 0.01, Self.offender, target, 54_321, port)
            attack.tcp(
                at: time + 0.010_1, target, Self.offender, port, 54_321, flags: 0x14, sequence: 0,
                acknowledgment: 1001)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == (isScan ? ["port:veth-offender"] : []), "\(outcome)")
    }

    // MARK: - Handshakes

    /// An outside client's address in probes that fail, among whole connections of its own to the
    /// service that it uses: watched. Who also finds ports by handshakes is a scanner.
    @Test(arguments: [0, 6]) func handshakesProveWhatTheyFound(open: Int) throws {
        let client = Member("198.51.100.7", card: Member.outside.card)
        var attack = Attack()
        for number in 0..<34 {
            attack.visit(
                at: 0.05 + Double(number) / 250, client, .web, from: UInt16(30_000 + number),
                port: 80)
        }
        attack.scan(
            client, .web, count: 28 + open, open: open, completes: true, seconds: 0.3, start: 0.3)
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: client.address).contains { $0.pattern == "port_scan" },
            "\(outcome)")
        #expect(outcome.fenced.contains(client.address) == (open > 0), "\(outcome)")
    }

    // MARK: - In another's name

    /// A scan in a neighbour's name, by a port of which no address is known, is told of with its
    /// target.
    @Test func aScanByNobodyNamesItsTarget() throws {
        var attack = Attack()
        let neighbour = Member.neighbour.at("veth-neighbour")
        attack.gratuitous(at: -3, neighbour)
        let forger = Member(neighbour.address, card: neighbour.card, port: "veth-forger")
        attack.scan(forger, Self.database, count: 200, open: 0, seconds: 0.2)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(
            outcome.alerts.contains {
                $0.pattern == "port_scan" && $0.target == Member.database.address
                    && $0.offender == "unknown"
            }, "\(outcome)")
    }

    /// A balancer hands its clients' packets to a server, which answers them in the balancer's
    /// name (direct routing). Who answers connections that were not handed to it forges them, also
    /// with the server's MAC address.
    @Test(arguments: ["server", "other", "disguised"])
    func aServerAnswersInTheNameOfItsBalancer(sender: String) throws {
        let card = "02:42:0a:3c:01:64"
        let balancer = Member("10.60.1.99", card: card, port: "veth-balancer")
        let service = Member("10.60.1.100", card: card, port: "veth-balancer")
        let client = Member("10.60.1.12").at("veth-client")
        let answerer =
            switch sender {
            case "server": service.by(Self.web)
            case "other": service.by(Self.offender)
            default: Member(service.address, card: Self.web.card, port: Self.offender.port)
            }
        var attack = Attack()
        attack.introduce(Self.web, balancer, client, Self.offender)
        attack.gratuitous(at: -1, service)
        for number in 0..<400 {
            let (time, source) = (Double(number) / 20, UInt16(30_000 + number))
            func ask(_ at: Double, _ flags: UInt8, _ sequence: UInt32, _ size: Int = 0) {
                let acknowledgment: UInt32 = flags == 2 ? 0 : 501
                attack.tcp(
                    at: time + at, client, service, source, 80, flags: flags, sequence: sequence,
                    acknowledgment: acknowledgment, size: size)
                attack.tcp(
                    at: time + at + 0.000_1, client.by(balancer),
                    Member(service.address, card: Self.web.card), source, 80, flags: flags,
                    sequence: sequence, acknowledgment: acknowledgment, size: size)
            }
            ask(0, 2, 1000)
            attack.tcp(
                at: time + 0.001, answerer, client, 80, source, flags: 0x12, sequence: 500,
                acknowledgment: 1001)
            ask(0.002, 0x10, 1001)
            ask(0.003, 0x18, 1001, 200)
            attack.tcp(
                at: time + 0.004, answerer, client, 80, source, flags: 0x18, sequence: 501,
                acknowledgment: 1201, size: 300)
        }
        let outcome = try bench.judge(attack)
        let forged: Set<String> = sender == "server" ? [] : ["port:veth-offender"]
        #expect(outcome.fenced == forged, "\(outcome)")
    }

    // MARK: - Answers that nobody asked for

    /// A scan by datagrams that look like a resolver's answers opens no flow (`nmap -sU -g 53`).
    @Test func aScanFromTheResolversPortIsFenced() throws {
        var attack = Attack()
        // It has opened no flow before, either.
        let newcomer = Member("10.60.4.60", port: "veth-newcomer")
        attack.introduce(Self.web)
        attack.gratuitous(at: -3, newcomer)
        for number in 0..<300 {
            let (time, port) = (Double(number) / 100, UInt16(1024 + number))
            attack.udp(at: time, newcomer, Self.web, 53, port, [])
            // The kernel limits how many it refuses.
            guard number < 6 || number % 100 == 0 else { continue }
            attack.unreachable(
                at: time + 0.000_1, Self.web, newcomer, source: 53, port: port)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == ["port:veth-newcomer"], "\(outcome)")
    }
}
