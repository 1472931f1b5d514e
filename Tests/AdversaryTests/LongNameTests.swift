import TestKit
import Testing

/// Names that are long and carry nothing, and hosts whose contacts a question of others explains.
struct LongNameTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let offender = Member.offender.at("veth-offender")

    /// Digits that no two numbers share.
    private static func digits(_ number: Int, _ count: Int) -> [String] {
        var state = UInt64(number + 1)
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return String(state >> 60, radix: 16)
        }
    }

    private static func word(_ number: Int) -> String {
        let letters = Array("bcdfghklmnprstvw"), vowels = Array("aeio")
        return digits(number, 4).enumerated().map { place, digit in
            let value = Int(digit, radix: 16) ?? 0
            return "\(letters[value])\(vowels[(value + place) % 4])"
        }.joined()
    }

    /// Questions and their answers, each a moment after the one before.
    private static func questions(
        _ names: [String], from: Member, to server: Member, every pause: Double
    ) -> Attack {
        var traffic = Attack()
        for (number, name) in names.enumerated() {
            let (time, port) = (pause * Double(number), UInt16(20_000 + number))
            traffic.ask(at: time, from, server, port, name)
            traffic.ask(at: time + 0.002, server, from, port, name, isAnswer: true)
        }
        return traffic
    }

    /// Three new outside names a second, each tried with the search domains of a cluster and its
    /// cloud first; names of services by SRV; addresses that block lists are asked about; names of
    /// a content network, alone or among others; one long name below each of many domains.
    @Test(arguments: ["search", "srv", "blocklist", "balancers", "network", "domains"])
    func longNamesOfEveryDay(kind: String) throws {
        let names: [String] = (0..<80).flatMap { number in
            let word = Self.word(number)
            switch kind {
            case "search":
                return [
                    ".production.svc.cluster.local", ".svc.cluster.local", ".cluster.local",
                    ".eu-west-1.compute.internal", "",
                ].map { "hooks.\(word)-shop.customers.example.com" + $0 }
            case "srv":
                return [".production.svc.cluster.local", ""].map {
                    "_grpc._tcp.service-\(number).production.svc.cluster.local" + $0
                }
            case "blocklist":
                let address = Self.digits(number, 32).joined(separator: ".")
                return [".zen.blocks.example", ".dnsbl.other.example"].map { address + $0 }
            case "network":
                let load = Self.digits(number, 8).joined()
                return ["\(word)-\(load).eu-central-1.elb.amazonaws.com"]
            case "domains":
                return ["www.shop.\(word)-very-long-company-name-for-testing.example"]
            default:
                return [
                    "\(word)-\(number * 7919).eu-central-1.elb.balancers.com",
                    "www.\(word).com",
                ]
            }
        }
        let outcome = try bench.judge(
            Self.questions(
                names, from: .offender, to: .resolver, every: kind == "balancers" ? 0.16 : 0.07))
        #expect(!outcome.alerts.contains { $0.pattern == "dns_tunnel" }, "\(outcome)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Data below a domain that only a server outside could answer as its own; below one of a
    /// cluster, asked of a server that the host never asked; after the digits of an address; and in
    /// words of which no letter is random; below few domains; below a content network's name, in
    /// a domain of one's own or asked of a server that the host never asked; and below a domain
    /// each, asked of such a server.
    @Test(arguments: [
        "domain", "local", "address", "words", "few", "below", "network", "domains",
    ])
    func tunnelsOfLongNames(kind: String) throws {
        let names = (0..<200).map { number in
            let data = Self.digits(number, 40).joined()
            switch kind {
            case "local": return "\(data).\(data).svc.cluster.local"
            case "address":
                return Self.digits(number, 32).joined(separator: ".") + ".\(data).t.example.com"
            case "words":
                return (0..<7).map { Self.word(number * 7 + $0) }.joined(separator: ".")
                    + ".t.example.com"
            case "few":
                return (0..<7).map { Self.word(number * 7 + $0) }.joined(separator: ".")
                    + ".t.example\(number % 20).com"
            case "below": return "\(data).\(data).cloudfront.net.example.com"
            case "network": return "\(data).\(data).cloudfront.net"
            case "domains":
                return (0..<7).map { Self.word(number * 7 + $0) }.joined(separator: ".")
                    + ".t.\(Self.word(number)).com"
            default: return "\(data).\(data).t.example.com"
            }
        }
        let server =
            ["local", "network", "domains"].contains(kind)
            ? Member("203.0.113.53", card: Member.outside.card) : Member.resolver
        let outcome = try bench.judge(
            Self.questions(names, from: Self.offender, to: server, every: 0.1))
        #expect(
            outcome.alerts(on: Member.offender.address).contains { $0.pattern == "dns_tunnel" },
            "\(outcome)")
        #expect(outcome.fenced.contains("port:veth-offender"), "\(outcome)")
    }

    /// Data in short names, and a set of short names that stand for data: unusual, without a name.
    @Test(arguments: ["digits", "words", "set"], [0.1, 1])
    func dataInShortNamesIsUnusual(kind: String, pause: Double) throws {
        let names = (0..<120).map { number in
            switch kind {
            case "digits": Self.digits(number, 16).joined() + ".t.example.com"
            case "words":
                (0..<2).map { Self.word(number * 2 + $0) }.joined(separator: "-")
                    + ".t.example.com"
            default: "n\(Self.digits(number, 1).joined())\(number % 4).t.example.com"
            }
        }
        #expect(names.allSatisfy { $0.utf8.count < 45 })
        let outcome = try bench.judge(
            Self.questions(names, from: Self.offender, to: .resolver, every: pause))
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(alerts.contains { $0.pattern.isEmpty && $0.decision == "watch" }, "\(outcome)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    /// A tunnel by a host that an accomplice asks something again and again, as clients ask a
    /// resolver.
    @Test func anAccomplicesQuestionsHideNoTunnel() throws {
        let accomplice = Member.bystander.at("veth-bystander")
        var attack = Attack()
        for number in 0..<200 {
            let time = Double(number) / 10
            let data = Self.digits(number, 40).joined()
            attack.ask(
                at: time, Self.offender, .resolver, UInt16(20_000 + number),
                "\(data).\(data).t.example.com")
            attack.ask(
                at: time + 0.05, accomplice, Self.offender, UInt16(30_000 + number), "a.io")
            attack.ask(
                at: time + 0.051, Self.offender, accomplice, UInt16(30_000 + number), "a.io",
                isAnswer: true)
        }
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Member.offender.address).contains { $0.pattern == "dns_tunnel" },
            "\(outcome)")
        #expect(outcome.fenced.contains("port:veth-offender"), "\(outcome)")
    }

    // MARK: - Name servers and paths

    /// Domains of which no name server answers: a resolver asks all of them for its clients. Who
    /// asks as many without clients is a scanner, and so is who asks other ports.
    @Test(arguments: ["asked", "alone", "ports"])
    func nameServersThatDoNotAnswer(kind: String) throws {
        let asker = (kind == "alone" ? Member.web : .resolver).at("veth-asker")
        var attack = Attack()
        for number in 0..<40 {
            let (time, name) = (Double(number) / 10, "a\(number).dead\(number).example")
            if kind != "alone" {
                attack.ask(at: time, Self.offender, asker, UInt16(20_000 + number), name)
            }
            for server in 0..<10 {
                let member = Member("198.51.\(number).\(server)", card: Member.outside.card)
                attack.udp(
                    at: time + 0.002 + Double(server) / 200, asker, member,
                    UInt16(30_000 + number * 10 + server), kind == "ports" ? 161 : 53,
                    Frame.dns("ns\(server).x\(number).example", isResponse: false))
            }
        }
        let outcome = try bench.judge(attack)
        let isFenced = !outcome.fenced.isDisjoint(with: ["port:veth-asker", asker.address])
        #expect(isFenced == (kind != "asked"), "\(outcome)")
        #expect(
            outcome.alerts(on: asker.address).contains { $0.pattern == "address_scan" },
            "\(outcome)")
    }

    /// The probes of traceroute and tracepath, most of which no host answers; and a scan of more
    /// ports around those.
    @Test(arguments: [(33_434, 90, false), (44_444, 30, false), (33_300, 300, true)])
    func pathsAreTraced(first: Int, count: Int, isScan: Bool) throws {
        let app = Member.app.at("veth-app")
        var traffic = Attack()
        for number in 0..<count {
            traffic.udp(
                at: Double(number) / 20, app, Member("203.0.113.9", card: Member.outside.card),
                UInt16(40_000 + number), UInt16(first + number), [UInt8](repeating: 64, count: 32))
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced == (isScan ? ["port:veth-app"] : []), "\(outcome)")
    }
}
