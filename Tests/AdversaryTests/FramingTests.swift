import Foundation
import TestKit
import Testing

/// Attacks that imitate another host: the host whose address is in the packets must not be fenced.
struct FramingTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    /// An idle neighbour's IP address, from a known MAC address.
    @Test func aKnownCardThatBorrowsANeighboursAddressIsAccusedItself() throws {
        var attack = Attack()
        attack.flood(Member.neighbour.by(.offender), .database, port: 5432)
        let outcome = try bench.judge(attack)
        #expect(outcome.alerts(on: Member.neighbour.address).allSatisfy { $0.decision == "watch" })
        let alerts = outcome.alerts(on: Member.offender.address)
        #expect(alerts.contains { $0.evidence == "mac" && $0.decision == "quarantine" })
        // The rule is on the MAC address: one on the sender's own IP address would let the borrowed
        // ones pass.
        #expect(outcome.fenced == [Member.offender.card], "\(outcome)")
    }

    /// Even after the owner was silent, its own packets are attributed to it.
    @Test func silenceTransfersNoAddress() throws {
        var attack = Attack()
        attack.flood(Member("10.60.4.19").by(.offender), .store, count: 2000, seconds: 4)
        attack.visits(Member("10.60.4.19"), .store, port: 80, count: 20, seconds: 5)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == [Member.offender.card], "\(outcome)")
        #expect(outcome.alerts(on: "10.60.4.19").allSatisfy { $0.decision == "watch" })
    }

    /// An unknown MAC address with another host's IP address.
    @Test func aNewCardWithAnothersAddressProvesNothing() throws {
        var attack = Attack()
        attack.flood(
            Member(Member.neighbour.address, card: "02:66:66:66:66:66"), .database, port: 5432)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        let alerts = outcome.alerts(on: Member.neighbour.address)
        #expect(!alerts.isEmpty && alerts.allSatisfy { $0.evidence == "address" })
        #expect(alerts.allSatisfy { $0.workload.hasSuffix("(contested address)") })
        // The target is reported.
        #expect(alerts.contains { $0.target == Member.database.address })
    }

    /// An unknown MAC address and IP address, seventy times over.
    @Test func forgedNewcomersSwitchNothingOff() throws {
        var attack = Attack()
        for number in 0..<70 {
            attack.scan(
                Member("10.60.4.\(20 + number % 40)", card: "02:66:00:00:00:" + Member.hex(number)),
                .database, count: 40, open: 0, seconds: 0.03)
        }
        attack.scan(.offender, .store, count: 1000, open: 3)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == [Member.offender.address], "\(outcome.fenced)")
    }

    /// Two frames to the sender's own MAC address, for others, do not make it a router.
    @Test func aKnownCardBecomesNoRouterByWhatItSends() throws {
        var attack = Attack()
        for number in 0..<3 {
            var via = Member("10.60.3.\(100 + number)")
            via.card = Member.offender.card
            attack.ping(at: Double(number) / 100, .neighbour, via)
        }
        attack.flood(Member.neighbour.by(.offender), .database, port: 5432, seconds: 8)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced == [Member.offender.card], "\(outcome)")
    }

    /// At a port whose name no rule can have, the MAC address in the frames proves nothing.
    @Test(arguments: ["v\"1", "v*"])
    func aPortThatNoRuleCanNameFencesNoCard(port: String) throws {
        var attack = Attack()
        let own = Member("10.60.4.55", card: Member.neighbour.card, port: port)
        attack.visit(at: -20, own, .web, from: 1234, port: 80)
        for number in 0..<600 {
            let borrowed = Member("10.60.4.\(16 + number % 4)").by(own)
            attack.tcp(
                at: Double(number) / 100, borrowed, .web, 40_000, UInt16(1 + number))
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts(on: own.address).isEmpty, "\(outcome)")
        #expect(outcome.refusals.contains { $0.contains("rename the interface") }, "\(outcome)")
    }

    /// A capture's clock that is set back, or one frame with a time far ahead, makes no flood of
    /// the packets of hours.
    @Test(arguments: [(-3600, false), (31_536_000, true)])
    func aClockThatJumpsAccusesNobody(jump: Int, isOfOneFrame: Bool) throws {
        var file = [UInt8](
            try Data(
                contentsOf: Run.root.appendingPathComponent(
                    "captures/clean-test.pcap")))
        func word(_ at: Int) -> Int { (0..<4).reduce(0) { $0 | Int(file[at + $1]) << (8 * $1) } }
        var (at, isDone) = (24, false)
        while at + 16 <= file.count, !isDone {
            let second = word(at)
            let next = at + 16 + word(at + 8)
            if second >= 1_795_223_711 {
                for byte in 0..<4 { file[at + byte] = UInt8((second + jump) >> (8 * byte) & 0xFF) }
                isDone = isOfOneFrame
            }
            at = next
        }
        let path = try bench.scratch.write("clock.pcap", Data(file))
        let outcome = try Outcome(Attack(), bench.scratch, model: bench.model, background: [path])
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(outcome.alerts.isEmpty, "\(outcome.alerts)")
    }

    /// A container's address that comes from beyond the gateway.
    @Test func aMartianIsNotHeldAgainstTheOwnerOfTheAddress() throws {
        var attack = Attack()
        attack.flood(Member.neighbour.by(.outside), .database, port: 5432)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(
            outcome.alerts(on: Member.neighbour.address).allSatisfy { $0.evidence == "address" })
    }

    /// Packets added to another host's flow.
    @Test func whatIsInjectedIntoAFlowIsNotItsOpeners() throws {
        var attack = Attack()
        let victim = Member.neighbour
        attack.tcp(at: 0, victim, .store, 50_000, 80)
        attack.tcp(
            at: 0.001, .store, victim, 80, 50_000, flags: 0x12, sequence: 1, acknowledgment: 1001)
        attack.tcp(
            at: 0.002, victim, .store, 50_000, 80, flags: 0x10, sequence: 1001, acknowledgment: 2)
        for number in 0..<6000 {
            attack.tcp(
                at: 0.01 + Double(number) / 1000, victim.by(.offender), .store, 50_000, 80,
                flags: 0x18, sequence: 2000 + UInt32(number) * 100, size: 100)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.alerts(on: victim.address).isEmpty, "\(outcome)")
        #expect(!outcome.fenced.contains(victim.address))
    }

    /// A sender outside that never used an answer may be forged.
    @Test(arguments: [nil, 0x12, 0x14] as [UInt8?], [false, true])
    func anOutsideSenderThatUsedNoAnswerIsOnlyWatched(
        answer: UInt8?, blindAcknowledgment: Bool
    ) throws {
        var attack = Attack()
        attack.flood(
            .outside, .web, count: 4000, seconds: 2, answer: answer,
            blindAcknowledgment: blindAcknowledgment)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        let alerts = outcome.alerts(on: Member.outside.address)
        #expect(alerts.contains { $0.evidence == "address" && $0.target == Member.web.address })
    }

    /// MAC and IP address forged, without ports: the owner resets what it never opened.
    @Test func whoResetsWhatItIsSaidToHaveOpenedIsOnlyWatched() throws {
        var attack = Attack()
        attack.flood(
            .neighbour, .store, count: 4000, seconds: 2, answer: 0x12, ownerResets: true)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        let alerts = outcome.alerts(on: Member.neighbour.address)
        #expect(alerts.contains { $0.evidence == "address" && $0.target == Member.store.address })
        #expect(outcome.refusals.contains { $0.contains("may be forged") })
    }

    /// The probes are below more tags than a frame of a network has; hosts skip them and answer.
    @Test(arguments: [1, 17, 200])
    func whoAnswersAScanBelowPriorityTagsIsNotAccused(tags: Int) throws {
        var attack = Attack()
        let priority = [[UInt8]](repeating: [0x81, 0, 0, 0], count: tags).flatMap(\.self)
        for number in 0..<1500 {
            let (time, port) = (Double(number) / 250, UInt16(1 + number))
            attack.add(
                time, .offender, .neighbour,
                priority + [8, 0]
                    + Frame.ipv4(
                        Member.offender.address, Member.neighbour.address, 6,
                        Frame.tcp(40_000, port, flags: 2)))
            attack.tcp(
                at: time + 0.000_2, .neighbour, .offender, port, 40_000, flags: 0x14, sequence: 0,
                acknowledgment: 1001)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.alerts(on: Member.neighbour.address).isEmpty, "\(outcome)")
        #expect(outcome.fenced == [Member.offender.address], "\(outcome)")
        #expect(
            outcome.alerts(on: Member.offender.address).contains { $0.pattern == "port_scan" },
            "\(outcome)")
    }

    /// A host that answers the pings of forged senders sends ARP requests for them.
    @Test func whoAnswersForgedPingsSweepsNothing() throws {
        var attack = Attack()
        let victim = Member("10.60.4.14")
        for number in 0..<60 {
            let time = Double(number) / 30
            let forged = Member("10.60.4.\(21 + number % 40)", card: "02:66:66:66:66:66")
            attack.ping(at: time, forged, victim)
            attack.ask(at: time + 0.001, victim, for: forged.address)
        }
        let outcome = try bench.judge(attack)
        #expect(outcome.alerts(on: victim.address).isEmpty, "\(outcome)")
        #expect(outcome.fenced.isEmpty)
    }

    /// A database that is down refuses all clients, which try again.
    @Test func theClientsOfAServiceThatIsDownAreNotAccused() throws {
        var attack = Attack()
        attack.outage(of: (11...18).map { Member("10.60.4.\($0)") }, seconds: 10, rate: 40)
        let outcome = try bench.judge(attack)
        #expect(outcome.fenced.isEmpty, "\(outcome.fenced)")
    }
}
