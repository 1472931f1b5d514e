import Foundation
import TestKit
import Testing

/// Reactions by which it shows that a host did not send what bears its addresses, and reactions
/// that an attacker causes.
struct ReactionTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    // MARK: - MAC address and IP address forged together

    /// A host that tells by ICMP that it did not ask is not fenced for the questions.
    @Test func theOwnerRefusesAnswersByICMP() throws {
        var attack = Attack()
        for number in 0..<600 {
            let (time, port) = (Double(number) / 50, UInt16(30_000 + number))
            let name = String(repeating: "a9x\(number)q", count: 6) + ".evil.example"
            attack.ask(at: time, .neighbour, .resolver, port, name)
            attack.ask(at: time + 0.001, .resolver, .neighbour, port, name, isAnswer: true)
            attack.unreachable(
                at: time + 0.001_5, .neighbour, .resolver, source: 53, port: port)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts(on: Member.neighbour.address).isEmpty)
        #expect(
            outcome.alerts(on: Member.neighbour.address).allSatisfy { $0.evidence == "address" },
            "\(outcome)")
    }

    /// A conspirator answers to the attacker's MAC address, so that the owner stays silent.
    @Test func answersToAnotherMACAddressProveNothing() throws {
        var attack = Attack()
        let conspirator = Member("10.60.4.12")
        for number in 0..<300 {
            let (time, port) = (Double(number) / 50, UInt16(40_000 + number))
            attack.tcp(at: time, .neighbour, conspirator, port, UInt16(1 + number))
            attack.tcp(
                at: time + 0.001, conspirator, Member.neighbour.by(.offender), UInt16(1 + number),
                port, flags: 0x14, sequence: 0, acknowledgment: 1001)
        }
        let outcome = try bench.judge(attack)
        #expect(!outcome.fenced.contains(Member.neighbour.address), "\(outcome)")
        #expect(
            outcome.alerts(on: Member.neighbour.address).allSatisfy { $0.decision == "watch" },
            "\(outcome)")
    }

    /// Answers by way of a router, seen on both of its sides, go to the router's MAC address.
    @Test func answersByWayOfARouterProveTheSender() throws {
        let run = try Run(
            "replay", "-r", "captures/mixed.pcap", "-m", bench.model, "--inventory",
            "captures/inventory.yaml", "--format", "eve")
        let scan = try #require(
            run.json.first { event in
                let details = event["lazaret"] as? [String: Any]
                return details?["pattern"] as? String == "port_scan"
                    && details?["offender"] as? String == Member.neighbour.address
            })
        let details = try #require(scan["lazaret"] as? [String: Any])
        #expect(details["evidence"] as? String == "mac")
        #expect(details["decision"] as? String == "quarantine")
    }

    // MARK: - An address whose owner comes later

    /// Who announces an address before its owner starts does not own it: the inventory says whose
    /// it is.
    @Test(arguments: [false, true]) func theFirstToAnnounceIsNotTheOwner(asks: Bool) throws {
        let plain = try String(
            contentsOf: Run.root.appendingPathComponent("captures/inventory.yaml"), encoding: .utf8)
        let inventory = try bench.scratch.write(
            "inventory.yaml",
            Data(
                (plain
                    + "  - {name: late, addresses: [10.60.4.40], macs: ['02:42:0a:3c:04:28']}\n")
                    .utf8))
        let owner = Member("10.60.4.40").at("v40")
        let offender = Member.offender.at("v1")
        let taken = Member(owner.address, card: offender.card, port: "v1")
        var attack = Attack()
        attack.gratuitous(at: -20, offender)
        for number in 0..<40 {
            let time = -15 + Double(number)
            if asks {
                attack.ask(at: time, taken, for: "10.60.4.99")
            } else {
                attack.gratuitous(at: time, taken)
            }
        }
        for number in 0..<20 { attack.gratuitous(at: 2.5 + Double(number), owner) }
        let outcome = try bench.judge(attack, inventory: inventory)
        #expect(outcome.alerts(on: owner.address).allSatisfy { $0.decision == "watch" })
        #expect(!outcome.fenced.contains("port:v40"), "\(outcome)")
        #expect(outcome.fenced.contains("port:v1"), "\(outcome)")
    }

    // MARK: - Packets that an attacker causes

    /// Segments in a server's name make its client answer each with an ACK (RFC 5961).
    @Test func challengeAcknowledgments() throws {
        var attack = Attack()
        let (offender, victim) = (Member.offender.at("v1"), Member.neighbour.at("v3"))
        attack.gratuitous(at: -5, offender)
        attack.gratuitous(at: -5, victim)
        for number in 0..<20 {
            attack.visit(
                at: Double(number) / 100, victim, .web, from: UInt16(21_000 + number), port: 80,
                isClosed: false)
        }
        for number in 0..<4000 {
            let (time, port) = (2 + Double(number) / 500, UInt16(21_000 + number % 20))
            attack.tcp(at: time, Member.web.by(offender), victim, 80, port, sequence: 7)
            attack.tcp(
                at: time + 0.000_2, victim, .web, port, 80, flags: 0x10, sequence: 1201,
                acknowledgment: 801)
        }
        let outcome = try bench.judge(attack)
        #expect(!outcome.fenced.contains("port:v3"), "\(outcome)")
        #expect(outcome.alerts(on: Member.neighbour.address).allSatisfy { $0.decision == "watch" })
        #expect(outcome.fenced.contains("port:v1"), "\(outcome)")
    }

    /// Queries of IGMP make each host report its groups; reports that nobody asked for are a flood.
    @Test(arguments: [true, false]) func reportsOfGroups(areAsked: Bool) throws {
        var attack = Attack()
        let everyone = Member("224.0.0.1", card: "01:00:5e:00:00:01")
        let reporters = [12, 13, 14].map { Member("10.60.4.\($0)") }
        for number in 0..<40 {
            let time = Double(number) / 4
            if areAsked {
                attack.add(
                    time, .offender, everyone,
                    [8, 0]
                        + Frame.ipv4(
                            Member.offender.address, everyone.address, 2,
                            [0x11, 1, 0, 0, 0, 0, 0, 0]))
            }
            for reporter in reporters {
                for group in 0..<40 {
                    let to = Member("224.0.0.22", card: "01:00:5e:00:00:16")
                    attack.add(
                        time + 0.001 * Double(group + 1), reporter, to,
                        [8, 0]
                            + Frame.ipv4(
                                reporter.address, to.address, 2,
                                [0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 239, 0, 0, UInt8(group)]))
                }
            }
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty == areAsked, "\(outcome)")
        for reporter in reporters {
            #expect(outcome.alerts(on: reporter.address).isEmpty == areAsked, "\(outcome)")
        }
    }
}
