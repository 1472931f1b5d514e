import TestKit
import Testing

/// Servers that ask back, hosts that look up names of addresses, and proofs that two attackers make
/// together.
struct LookupTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    // MARK: - Questions that others cause

    /// A server asks each client for its user (RFC 1413), and is refused. One question for each
    /// connection is no flood; questions to hosts that did not connect are one.
    @Test(arguments: [true, false]) func aServerAsksItsClientsForTheirUser(isAsked: Bool) throws {
        var attack = Attack()
        let (server, client) = (Member("10.60.1.22"), Member.neighbour)
        for number in 0..<400 {
            let (time, port) = (Double(number) / 40, UInt16(30_000 + number))
            if isAsked { attack.visit(at: time, client, server, from: port, port: 80) }
            attack.tcp(at: time + 0.001, server, client, port &+ 10_000, 113)
            attack.tcp(
                at: time + 0.001_5, client, server, 113, port &+ 10_000, flags: 0x14, sequence: 0,
                acknowledgment: 1001)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.contains(server.address) != isAsked, "\(outcome)")
        if isAsked { #expect(outcome.alerts(on: server.address).isEmpty, "\(outcome)") }
    }

    /// A host looks up the names of addresses: watched, and never called a tunnel. Long names of
    /// another kind are one.
    @Test(arguments: ["4", "6", "forged", "tunnel"])
    func namesOfAddressesAreLookedUp(kind: String) throws {
        var attack = Attack()
        for number in 0..<400 {
            let (time, port) = (Double(number) / 20, UInt16(20_000 + number))
            let digits = (0..<32).map { String((number * 7 + $0 * 3) % 16, radix: 16) }
            let name =
                switch kind {
                case "4": "\(number % 250).\(number % 200).\(number * 7 % 250).11.in-addr.arpa"
                case "6": digits.joined(separator: ".") + ".ip6.arpa"
                // Labels of more than a digit stand for no address.
                case "forged": digits.map { $0 + "q" }.joined(separator: ".") + ".ip6.arpa"
                default: digits.joined() + "." + digits.joined() + ".evil.example"
                }
            attack.ask(at: time, .web, .resolver, port, name)
            attack.ask(at: time + 0.002, .resolver, .web, port, name, isAnswer: true)
        }
        let outcome = try bench.judge(attack)
        let alerts = outcome.alerts(on: Member.web.address)
        #expect(!alerts.isEmpty, "\(outcome)")
        let isTunnel = kind == "forged" || kind == "tunnel"
        #expect(alerts.contains { $0.pattern == "dns_tunnel" } == isTunnel, "\(outcome)")
        #expect(outcome.fenced.contains(Member.web.address) == isTunnel, "\(outcome)")
    }

    /// A tunnel with as many short questions in between as hide its names' mean length: names of
    /// addresses, a name that it always asks for, new short names.
    @Test(arguments: ["address", "known", "short"], [1, 4])
    func aTunnelAmongShortQuestions(kind: String, each: Int) throws {
        var attack = Attack()
        for number in 0..<200 {
            let time = Double(number) / 10
            func data(_ factor: Int) -> String {
                "\(1_000_003 * (number + 1) * factor % 999_983)".map { "\($0)q7z" }.joined()
            }
            let name = "\(data(7)).\(data(11)).t.evil.example"
            let port = UInt16(20_000 + number)
            attack.ask(at: time, .web, .resolver, port, name)
            attack.ask(at: time + 0.002, .resolver, .web, port, name, isAnswer: true)
            for more in 1...each {
                let short =
                    switch kind {
                    case "address": "\(number % 250).\(more).7.11.in-addr.arpa"
                    case "known": "app.lab"
                    default: "a\(number * 9 + more).io"
                    }
                let port = UInt16(30_000 + number * each + more)
                let later = time + 0.01 * Double(more)
                attack.ask(at: later, .web, .resolver, port, short)
                attack.ask(at: later + 0.002, .resolver, .web, port, short, isAnswer: true)
            }
        }
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Member.web.address).contains { $0.pattern == "dns_tunnel" },
            "\(outcome)")
        #expect(outcome.fenced.contains(Member.web.address), "\(outcome)")
    }

    /// Long names of services, each asked with the search domain first, and one very long name that
    /// is asked again and again, among short ones.
    @Test(arguments: [true, false]) func longNamesThatCarryNothing(isOne: Bool) throws {
        var traffic = Attack()
        for number in 0..<200 {
            let service = "svc\(isOne ? 0 : number % 40).prod.svc.cluster.local"
            let long =
                isOne
                ? String(repeating: "part-of-a-name.", count: 9) + "example"
                : service + ".prod.svc.cluster.local"
            for (place, name) in [long, "a\(number % 5).io", "b.io", "c.io"].enumerated() {
                let (time, port) = (
                    Double(number) / 2 + 0.01 * Double(place), UInt16(20_000 + number * 4 + place)
                )
                traffic.ask(at: time, .offender, .resolver, port, name)
                traffic.ask(at: time + 0.002, .resolver, .offender, port, name, isAnswer: true)
            }
        }
        let outcome = try bench.judge(traffic)
        #expect(!outcome.alerts.contains { $0.pattern == "dns_tunnel" }, "\(outcome)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Forty answered questions a second, among connections, of which one is the window's last.
    private func questionsAmongVisits() -> Attack {
        var traffic = Attack()
        for number in 0..<1200 {
            let (time, port) = (Double(number) / 40, UInt16(20_000 + number))
            let name = "a\(number % 7).io"
            traffic.ask(at: time, .offender, .resolver, port, name)
            traffic.ask(at: time + 0.002, .resolver, .offender, port, name, isAnswer: true)
        }
        for number in 0..<30 {
            traffic.visit(
                at: Double(number) + 0.99, .offender, .web, from: UInt16(40_000 + number), port: 80)
        }
        return traffic
    }

    @Test func questionsAmongVisitsAreNoFlood() throws {
        let outcome = try bench.judge(questionsAmongVisits())
        #expect(!outcome.alerts.contains { $0.pattern.hasSuffix("flood") }, "\(outcome)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    @Test(arguments: [nil, 0x12, 0x14] as [UInt8?])
    func aFloodAmongQuestionsIsOne(answer: UInt8?) throws {
        var attack = questionsAmongVisits()
        attack.flood(.offender, .web, answer: answer)
        let outcome = try bench.judge(attack)
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(alerts.contains { $0.pattern == "syn_flood" }, "\(outcome)")
    }

    /// ARP requests in the names of many addresses make a host ask for these.
    @Test(arguments: [true, false]) func aHostAsksForThoseThatAskedForIt(isAsked: Bool) throws {
        var attack = Attack()
        for number in 0..<58 where isAsked {
            let name = Member("10.60.4.\(2 + number)")
            guard name.address != Member.neighbour.address else { continue }
            attack.ask(
                at: Double(number) / 20, name.by(.offender), for: Member.neighbour.address)
        }
        for number in 0..<58 {
            attack.ask(at: 5 + Double(number) / 100, .neighbour, for: "10.60.4.\(2 + number)")
        }
        // By its MAC address alone it is alerted.
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isDisjoint(with: [Member.neighbour.address]), "\(outcome)")
        #expect(
            outcome.alerts(on: Member.neighbour.address).contains { $0.pattern == "arp_sweep" }
                != isAsked, "\(outcome)")
    }

    /// A link with a loop repeats each reply; replies that nobody asked for are a flood.
    @Test(arguments: [3, 12]) func repliesAreRepeated(times: Int) throws {
        var attack = Attack()
        for number in 0..<600 {
            let time = Double(number) / 100
            attack.ping(at: time, .offender, .neighbour)
            for repeated in 1...times {
                let echo = Frame.icmp(type: 0, code: 0, rest: 7, [UInt8](repeating: 0, count: 16))
                attack.add(
                    time + 0.000_4 * Double(repeated), .neighbour, .offender,
                    [8, 0]
                        + Frame.ipv4(Member.neighbour.address, Member.offender.address, 1, echo))
            }
        }
        let outcome = try bench.judge(attack)
        let isFlood = times > 4
        #expect(outcome.fenced.contains(Member.neighbour.address) == isFlood, "\(outcome)")
    }

    // MARK: - Proofs that are made

    /// Who announces an address that nobody knows, before its owner starts, gets neither the
    /// address nor its owner fenced.
    @Test func theFirstToAnnounceIsNoProof() throws {
        let owner = Member("10.60.4.40").at("v40")
        let offender = Member.offender.at("v1")
        let taken = Member(owner.address, card: offender.card, port: "v1")
        var attack = Attack()
        attack.gratuitous(at: -20, offender)
        for number in 0..<60 { attack.gratuitous(at: -15 + Double(number), taken) }
        for number in 0..<20 {
            attack.gratuitous(at: 2.5 + Double(number), owner)
            attack.visit(
                at: 3 + Double(number), owner, .web, from: UInt16(30_000 + number), port: 80)
        }
        let outcome = try bench.judge(attack)
        #expect(!outcome.fenced.contains("port:v40"), "\(outcome)")
        #expect(!outcome.fenced.contains(owner.address), "\(outcome)")
        #expect(!outcome.alerts.isEmpty, "\(outcome)")
    }

    /// Somebody outside forges an address, and one workload answers as if it had received the
    /// answers there: no proof. A service that is known to have clients outside, and two workloads,
    /// are one.
    @Test(arguments: [1, 2]) func aConspiratorCompletesHandshakes(count: Int) throws {
        var attack = Attack()
        let accused = Member("198.51.100.77", card: Member.outside.card)
        let helpers = [Member("10.60.4.12"), Member("10.60.4.14"), Member("10.60.4.15")]
        for number in 0..<300 {
            let time = Double(number) / 10
            let helper = count == 1 ? helpers[0] : helpers[number % 3]
            attack.visit(at: time, accused, helper, from: UInt16(40_000 + number), port: 22)
        }
        let outcome = try bench.judge(attack)
        #expect(!outcome.alerts(on: accused.address).isEmpty, "\(outcome)")
        #expect(outcome.fenced.contains(accused.address) == (count > 1), "\(outcome)")
    }
}
