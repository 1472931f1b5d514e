import Foundation
import TestKit
import Testing
import Timestamps

/// An attacker that is active while a model is trained: the model must not take a neighbour's
/// address for the attacker's, the attacker for a router, or the attack for clean traffic.
struct PoisonTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// The start of the training capture's middle.
    private static let training = Timestamp(second: 1_795_224_000)

    /// A model that was trained on clean traffic and an attack.
    private func model(_ attack: Attack, inventory: Bool) throws -> String {
        let captures = try attack.write(to: scratch)
        let words =
            ["train", "-r", "captures/clean-train.pcap"] + captures.flatMap { ["-r", $0] }
            + ["-o", scratch.path("poisoned.model")]
            + (inventory ? ["--inventory", "captures/inventory.yaml"] : [])
        let run = try Run(words)
        #expect(run.status == 0, "\(run.errors)")
        return scratch.path("poisoned.model")
    }

    private func judge(_ attack: Attack, _ model: String, inventory: Bool) throws -> Outcome {
        try Outcome(
            attack, scratch, model: model,
            inventory: inventory ? "captures/inventory.yaml" : nil)
    }

    private func attack(at start: Timestamp? = nil) -> Attack {
        var attack = Attack()
        if let start { attack.start = start }
        return attack
    }

    @Test(arguments: [true, false])
    func aBorrowedAddressStaysItsOwners(inventory: Bool) throws {
        func flood(_ attack: inout Attack) {
            // The neighbour is active before and after.
            for time in [-2.0, 9.0] {
                attack.visit(at: time, .neighbour, .store, from: 50_001, port: 80)
            }
            attack.flood(Member.neighbour.by(.offender), .database, port: 5432)
        }
        var poison = attack(at: Self.training)
        flood(&poison)
        let model = try model(poison, inventory: inventory)
        var again = attack()
        flood(&again)
        let outcome = try judge(again, model, inventory: inventory)
        #expect(outcome.fenced == [Member.offender.card], "\(outcome)")
        #expect(
            outcome.alerts(on: Member.neighbour.address).allSatisfy { $0.decision == "watch" },
            "\(outcome.alerts)")
    }

    @Test(arguments: [true, false])
    func whoIsBetweenTwoHostsIsNoRouter(inventory: Bool) throws {
        func poison(_ attack: inout Attack) {
            for number in 0..<15 {
                attack.ask(at: Double(number) - 20, .gateway, for: Member.bystander.address)
                attack.ask(at: Double(number) - 19.5, .bystander, for: Member.gateway.address)
            }
            attack.gratuitous(at: -10, .offender)
            attack.poison(.offender, .bystander, .gateway, seconds: 60)
            for number in 0..<60 {
                attack.ask(at: Double(number) + 0.4, .bystander, for: Member.gateway.address)
                attack.ask(at: Double(number) + 0.7, .gateway, for: Member.bystander.address)
                // The victim's packets go to the attacker, which passes them on.
                let hop = Member(Member.store.address, card: Member.offender.card)
                let source = UInt16(44_000 + number)
                attack.tcp(at: Double(number) + 0.8, .bystander, hop, source, 80)
                attack.tcp(
                    at: Double(number) + 0.801, Member.bystander.by(.offender), .store, source,
                    80)
            }
        }
        var first = attack(at: Self.training)
        poison(&first)
        let model = try model(first, inventory: inventory)
        // The same again is still an attack.
        var again = attack()
        poison(&again)
        let outcome = try judge(again, model, inventory: inventory)
        #expect(
            outcome.alerts(on: Member.offender.address).contains {
                ["arp_spoofing", "forwarding_of_others_packets"].contains($0.pattern)
            }, "\(outcome.alerts)")
        #expect(outcome.alerts(on: Member.bystander.address).isEmpty, "\(outcome.alerts)")
        // It may not use others' addresses as a router may.
        var flood = attack()
        flood.visit(at: -2, .neighbour, .store, from: 50_001, port: 80)
        flood.flood(Member.neighbour.by(.offender), .database, port: 5432)
        #expect(
            try judge(flood, model, inventory: inventory).fenced == [Member.offender.card])
    }

    /// Many source addresses, and frames to its own MAC address for others, make no router.
    @Test func manyAddressesMakeNoRouter() throws {
        var poison = attack(at: Self.training)
        for number in 0..<40 {
            let time = Double(number) / 4
            poison.tcp(
                at: time, Member("10.60.4.\(20 + number % 20)").by(.offender), .store,
                UInt16(45_000 + number), 80)
            var via = Member("10.60.3.\(100 + number)")
            via.card = Member.offender.card
            poison.ping(at: time + 0.1, .offender, via)
        }
        let model = try model(poison, inventory: true)
        var flood = attack()
        flood.visit(at: -2, .neighbour, .store, from: 50_001, port: 80)
        flood.flood(Member.neighbour.by(.offender), .database, port: 5432)
        let outcome = try judge(flood, model, inventory: true)
        #expect(outcome.fenced == [Member.offender.card], "\(outcome)")
    }

    /// The first frame of a host is often one of IPv6's, from its link-local address, which is in
    /// none of the inventory's networks. That makes it no router, whose packets prove nothing.
    @Test(arguments: [true, false]) func aLinkLocalAddressMakesNoRouter(inventory: Bool) throws {
        var first = attack(at: Timestamp(second: 1_795_223_600))
        let host = Member("fe80::42:aff:fe3c:40b", card: Member.offender.card)
        let solicitation = Frame.icmp(type: 133, code: 0, rest: 0, [])
        first.ip6(
            at: 0, host, Member("ff02::2", card: "33:33:00:00:00:02"), next: 58, solicitation)
        let model = try model(first, inventory: inventory)
        var scan = attack()
        scan.scan(.offender, .database, count: 300, open: 0)
        let outcome = try judge(scan, model, inventory: inventory)
        #expect(outcome.fenced == [Member.offender.address], "\(outcome)")
        #expect(
            outcome.alerts(on: Member.offender.address).contains { $0.evidence == "mac" },
            "\(outcome.alerts)")
    }
}
