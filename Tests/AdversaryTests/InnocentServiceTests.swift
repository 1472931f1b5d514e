import NetworkAddresses
import TestKit
import Testing

/// Hosts that only do what others cause: answers to questions, retries of a contact that fails, and
/// connections that clients ask for. Nobody may be able to have them fenced, and nobody may hide
/// behind what excuses them.
struct InnocentServiceTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private static let responders = [12, 13, 14].map { Member("10.60.4.\($0)") }
    private static let discovery = Member("224.0.0.251", card: "01:00:5e:00:00:fb")
    private static let devices = Member("239.255.255.250", card: "01:00:5e:7f:ff:fa")
    /// A neighbour that answers nothing by itself.
    private static let bystander = Member("10.60.4.17")
    private static let question = [UInt8](repeating: 1, count: 40)

    private func expectNothing(
        _ outcome: Outcome, on hosts: [Member], except watched: Set<String> = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        for host in hosts {
            #expect(
                outcome.alerts(on: host.address).allSatisfy {
                    watched.contains($0.pattern) && $0.decision == "watch"
                }, "\(outcome)", sourceLocation: sourceLocation)
            #expect(
                !outcome.fenced.contains(host.address), "\(outcome)",
                sourceLocation: sourceLocation)
        }
    }

    // MARK: - Answers

    /// Questions to a group, from ever other ports, in the asker's or another's name; some members
    /// answer from new ports.
    @Test(arguments: [false, true], [false, true])
    func membersOfAGroupAnswerItsQuestions(isForged: Bool, fromNewPorts: Bool) throws {
        var attack = Attack()
        let asker = isForged ? Self.bystander.by(.offender) : .offender
        for number in 0..<300 {
            let (time, port) = (Double(number) / 20, UInt16(20_000 + number))
            attack.udp(
                at: time, asker, fromNewPorts ? Self.devices : Self.discovery, port,
                fromNewPorts ? 1900 : 5353, Self.question)
            for (place, responder) in Self.responders.enumerated() {
                let source = fromNewPorts ? UInt16(45_000 + number) : 5353
                let answer = time + Double(place + 1) / 1000
                attack.udp(
                    at: answer, responder, isForged ? Self.bystander : .offender, source, port,
                    [UInt8](repeating: 2, count: 100))
                guard isForged else { continue }
                attack.unreachable(
                    at: answer + 0.000_1, Self.bystander, responder, source: source, port: port)
            }
        }
        expectNothing(try bench.judge(attack), on: Self.responders + [Self.bystander])
    }

    /// Only what was asked is an answer: not other ports, nor what the sender asked itself in the
    /// name of its victim.
    @Test(arguments: [false, true]) func questionsExcuseNoScan(areOwn: Bool) throws {
        var attack = Attack()
        for number in 0..<300 {
            let (time, port) = (Double(number) / 20, UInt16(20_000 + number))
            attack.udp(
                at: time, areOwn ? Member.neighbour.by(.offender) : .neighbour, Self.discovery,
                areOwn ? port : 5353, 5353, Self.question)
            attack.udp(at: time + 0.001, .offender, .neighbour, 40_000, port, Self.question)
            attack.unreachable(
                at: time + 0.002, .neighbour, .offender, source: 40_000, port: port)
        }
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Member.offender.address).contains { $0.decision == "quarantine" },
            "\(outcome)")
    }

    /// An answer that never ends is a flood.
    @Test func aQuestionExcusesNoFlood() throws {
        var attack = Attack()
        attack.udp(at: 0, .neighbour, Self.discovery, 5353, 5353, Self.question)
        for number in 0..<9000 {
            attack.udp(
                at: 0.1 + Double(number) / 1000, .offender, .neighbour, 5353, 5353,
                [UInt8](repeating: 2, count: 100))
        }
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Member.offender.address).contains {
                $0.pattern == "packet_flood" && $0.decision == "quarantine"
            }, "\(outcome)")
    }

    /// A TFTP server answers each request from a new port.
    @Test func aServerAnswersFromAnotherPort() throws {
        var attack = Attack()
        for number in 0..<300 {
            let (time, port) = (Double(number) * 0.03, UInt16(20_000 + number))
            attack.udp(at: time, .offender, .store, port, 69, Self.question)
            attack.udp(
                at: time + 0.001, .store, .offender, UInt16(40_000 + number), port,
                [UInt8](repeating: 2, count: 516))
        }
        expectNothing(try bench.judge(attack), on: [.store])
    }

    // MARK: - Retries

    private enum Failure: CaseIterable { case silence, unreachable, reset }

    private static let clients = (11...18).map { Member("10.60.4.\($0)") }
    private static let database = Member("10.60.3.5", card: Member.outside.card)

    /// A usual service fails; one, two or all of its clients try again.
    @Test(arguments: [1, 2, 8])
    func clientsOfAFailedServiceOnlyTryAgain(count: Int) throws {
        for failure in Failure.allCases {
            var attack = Attack()
            for (place, client) in Self.clients.prefix(count).enumerated() {
                for number in 0..<1200 {
                    let time = Double(number) / 60 + Double(place) / 1000
                    let port = UInt16(20_000 + number)
                    attack.tcp(at: time, client, Self.database, port, 5432)
                    switch failure {
                    case .silence: break
                    case .unreachable:
                        attack.unreachable(
                            at: time + 0.000_3, Member("10.60.4.1", card: Member.outside.card),
                            client, about: Self.database, ipProtocol: 6, source: 5432, port: port)
                    case .reset:
                        attack.tcp(
                            at: time + 0.000_3, Self.database, client, 5432, port, flags: 0x14,
                            sequence: 0, acknowledgment: 1001)
                    }
                }
            }
            let outcome = try bench.judge(attack)
            expectNothing(outcome, on: Self.clients, except: ["retries_of_a_failed_contact"])
            #expect(outcome.fenced.isEmpty, "\(failure) \(outcome)")
            if failure != .reset {
                #expect(
                    outcome.alerts.contains { $0.pattern == "retries_of_a_failed_contact" },
                    "\(failure) \(outcome)")
            }
        }
    }

    /// The fronts pass on what outside users ask, and the application is down.
    @Test(arguments: [false, true]) func frontsOfAFailedApplication(isRefused: Bool) throws {
        var attack = Attack()
        let fronts = [Member.web, Member("10.60.1.12")]
        let application = Member(Member.app.address, card: Member.outside.card)
        for number in 0..<6000 {
            let time = Double(number) / 400
            let user = Member("198.51.100.\(1 + number % 200)", card: Member.outside.card)
            let (front, port) = (fronts[number % 2], UInt16(20_000 + number))
            attack.visit(at: time, user, front, from: port, port: 80)
            attack.tcp(at: time + 0.003_5, front, application, port, 8000)
            if isRefused {
                attack.tcp(
                    at: time + 0.003_7, application, front, 8000, port, flags: 0x14, sequence: 0,
                    acknowledgment: 1001)
            }
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(
            fronts.allSatisfy { front in
                outcome.alerts(on: front.address).allSatisfy { $0.pattern != "syn_flood" }
            }, "\(outcome)")
    }

    /// A flood of a usual service that does not answer, or goes down while it lasts.
    @Test(arguments: [false, true]) func aFloodOfAUsualServiceIsNoRetry(answersAtFirst: Bool) throws
    {
        var attack = Attack()
        for number in 0..<8000 {
            let (time, port) = (Double(number) / 800, UInt16(20_000 + number))
            attack.tcp(at: time, .offender, Self.database, port, 5432)
            guard answersAtFirst, number < 800 else { continue }
            attack.tcp(
                at: time + 0.000_3, Self.database, .offender, 5432, port, flags: 0x12,
                sequence: 500, acknowledgment: 1001)
        }
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Member.offender.address).contains {
                $0.pattern == "syn_flood" && $0.decision == "quarantine"
            }, "\(outcome)")
    }

    // MARK: - Demand

    /// A resolver asks its own resolver what its clients ask: also more names, if an attacker's
    /// zone has aliases.
    @Test(arguments: [false, true]) func aBusyResolver(hasAliases: Bool) throws {
        var attack = Attack()
        let upstream = Member("203.0.113.53", card: Member.outside.card)
        let clients = (11...20).map { Member("10.60.4.\($0)") }
        for number in 0..<600 {
            let (time, port) = (Double(number) / 20, UInt16(20_000 + number))
            let client = hasAliases ? Member.offender : clients[number % 10]
            let name = "img\(number).cdn.example"
            attack.ask(at: time, client, .resolver, port, name)
            attack.ask(at: time + 0.001, .resolver, upstream, port, name)
            attack.ask(at: time + 0.010, upstream, .resolver, port, name, isAnswer: true)
            if hasAliases {
                let alias = String(repeating: "q7x\(number)z", count: 7) + ".other.example"
                attack.ask(at: time + 0.011, .resolver, upstream, port &+ 10_000, alias)
                attack.ask(
                    at: time + 0.012, upstream, .resolver, port &+ 10_000, alias, isAnswer: true)
            }
            attack.ask(at: time + 0.013, .resolver, client, port, name, isAnswer: true)
        }
        let outcome = try bench.judge(attack)
        #expect(!outcome.fenced.contains(Member.resolver.address), "\(outcome)")
        #expect(
            outcome.alerts(on: Member.resolver.address).allSatisfy {
                $0.decision == "watch" && $0.pattern != "packet_flood"
            }, "\(outcome)")
    }

    /// Servers that connect where a client told them to: to the client (FTP), or elsewhere (a
    /// proxy). Without the client it is a scan.
    @Test(arguments: [false, true]) func connectionsThatAClientAskedFor(isToClient: Bool) throws {
        var asked = Attack()
        var unasked = Attack()
        for number in 0..<300 {
            let time = Double(number) * 0.03
            let (server, target): (Member, Member) =
                isToClient ? (.store, .offender) : (.app, .store)
            asked.visit(
                at: time, .offender, server, from: UInt16(30_000 + number),
                port: isToClient ? 21 : 3128)
            for isAsked in [false, true] {
                var part = Attack()
                let port = UInt16(10_240 + number)
                part.tcp(at: time + 0.003_5, server, target, 20, port)
                part.tcp(
                    at: time + 0.003_7, target, server, port, 20, flags: 0x14, sequence: 0,
                    acknowledgment: 1001)
                if isAsked {
                    asked.records += part.records
                } else {
                    unasked.records += part.records
                }
            }
        }
        let server = isToClient ? Member.store : .app
        let outcome = try bench.judge(asked)
        #expect(!outcome.fenced.contains(server.address), "\(outcome)")
        let scan = try bench.judge(unasked)
        #expect(scan.fenced.contains(server.address), "\(scan)")
    }

    /// A proxy of a client's connections to a service outside that its workload uses, too. Few of
    /// the addresses answer.
    @Test(arguments: [true, false]) func aProxyToUsualServicesOutside(isAsked: Bool) throws {
        var traffic = Attack()
        let proxy = Member.app.at("veth-proxy")
        traffic.introduce(proxy)
        for number in 0..<240 {
            let (time, source) = (Double(number) / 20, UInt16(30_000 + number))
            if isAsked {
                traffic.visit(at: time, .offender, proxy, from: source, port: 3128)
            }
            if number % 10 == 0 {
                traffic.visit(
                    at: time + 0.01, proxy, .outside(number), from: source, port: 443)
            } else {
                traffic.tcp(at: time + 0.01, proxy, .outside(number), source, 443)
            }
        }
        let outcome = try bench.judge(traffic)
        #expect(outcome.fenced.contains("port:veth-proxy") != isAsked, "\(outcome)")
    }

    /// A backup in small segments, which the store acknowledges.
    @Test func anUploadInSmallSegments() throws {
        var attack = Attack()
        let backup = Member("10.60.3.20")
        attack.tcp(at: 0, backup, .store, 21_000, 9000)
        attack.tcp(
            at: 0.001, .store, backup, 9000, 21_000, flags: 0x12, sequence: 500,
            acknowledgment: 1001)
        attack.tcp(
            at: 0.002, backup, .store, 21_000, 9000, flags: 0x10, sequence: 1001,
            acknowledgment: 501)
        for number in 0..<20_000 {
            let (time, sequence) = (1 + Double(number) * 0.000_3, UInt32(1001 + number * 512))
            attack.tcp(
                at: time, backup, .store, 21_000, 9000, flags: 0x10, sequence: sequence,
                acknowledgment: 501, size: 512)
            guard number % 2 == 1 else { continue }
            attack.tcp(
                at: time + 0.000_1, .store, backup, 9000, 21_000, flags: 0x10, sequence: 501,
                acknowledgment: sequence + 512)
        }
        expectNothing(
            try bench.judge(attack), on: [backup],
            except: ["lateral_movement", "contact_never_seen_before", ""])
    }

    // MARK: - Forged packets

    /// Pings in the name of free addresses make a host ask for each by ARP; thousands of other
    /// forged packets make the monitor forget them.
    @Test func requestsForForgedSenders() throws {
        var attack = Attack()
        for number in 0..<40 {
            let free = Member("10.60.4.\(21 + number)", card: Member.offender.card)
            attack.ping(at: Double(number) * 0.005, free, .neighbour)
            for second in 0..<3 {
                attack.ask(
                    at: Double(number) * 0.005 + Double(second) + 0.001, .neighbour,
                    for: free.address)
            }
        }
        for number in 0..<12_000 {
            let free = Member("10.60.4.\(21 + number % 40)", card: Member.offender.card)
            let to = Member(
                "10.60.\(1 + number / 250 % 3).\(number % 250 + 1)", card: Member.outside.card)
            attack.tcp(at: 0.25 + Double(number) * 0.000_06, free, to, UInt16(1000 + number), 80)
        }
        expectNothing(try bench.judge(attack), on: [.neighbour])
    }

    /// An attacker ends a neighbour's connections in the name of their server.
    @Test func resetsInTheNameOfAServer() throws {
        var attack = Attack()
        for number in 0..<300 {
            let (time, port) = (Double(number) / 20, UInt16(20_000 + number))
            attack.tcp(at: time, .neighbour, .database, port, 5432)
            attack.tcp(
                at: time + 0.000_2, Member.database.by(.offender), .neighbour, 5432, port,
                flags: 0x14, sequence: 0, acknowledgment: 1001)
            attack.tcp(
                at: time + 0.000_6, .database, .neighbour, 5432, port, flags: 0x12, sequence: 500,
                acknowledgment: 1001)
            attack.tcp(
                at: time + 0.000_7, .neighbour, .database, port, 5432, flags: 4, sequence: 1001)
        }
        let outcome = try bench.judge(attack)
        expectNothing(
            outcome, on: [.neighbour, .database], except: ["retries_of_a_failed_contact"])
        #expect(!outcome.alerts(on: Member.offender.address).isEmpty, "\(outcome)")
    }
}
