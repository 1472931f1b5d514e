import Foundation
import TestKit
import Testing

/// Hosts that take the place of another on their link: named the first time, without a baseline,
/// and fenced where the port is known.
struct TakeoverTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    /// The accusation of a takeover: only the offender, by its port, and the rule is there.
    private func expectFenced(
        _ attack: Attack, as pattern: String, _ technique: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Member.offender.address).contains {
                $0.pattern == pattern && $0.technique == technique && $0.evidence == "port"
                    && $0.decision == "quarantine"
            }, "\(outcome.alerts)", sourceLocation: sourceLocation)
        #expect(outcome.fenced == ["port:v1"], "\(outcome)", sourceLocation: sourceLocation)
        #expect(
            outcome.alerts.allSatisfy { $0.offender == Member.offender.address },
            "\(outcome.alerts)", sourceLocation: sourceLocation)
    }

    /// The offender's port has an address, as any container's.
    private func attack() -> (Attack, Member) {
        var attack = Attack()
        let offender = Member.offender.at("v1")
        attack.gratuitous(at: -5, offender)
        return (attack, offender)
    }

    @Test func arpSpoofingOfTheGateway() throws {
        var (attack, offender) = attack()
        attack.poison(offender, .bystander, .gateway)
        try expectFenced(attack, as: "arp_spoofing", "T1557.002")
    }

    @Test func arpSpoofingOfANeighbour() throws {
        var (attack, offender) = attack()
        for number in 0..<40 {
            let time = Double(number)
            attack.arpReply(at: time, offender, Member.neighbour.address, to: .gateway)
            // The neighbour goes on.
            attack.ask(at: time + 0.5, .neighbour, for: Member.gateway.address)
        }
        try expectFenced(attack, as: "arp_spoofing", "T1557.002")
    }

    /// One announcement is enough, where the configuration names the gateway.
    @Test func oneAnnouncementOfTheGateway() throws {
        var (attack, offender) = attack()
        attack.arpReply(at: 1, offender, Member.gateway.address, to: .bystander)
        try expectFenced(attack, as: "arp_spoofing", "T1557.002")
    }

    @Test func neighbourSpoofing() throws {
        var (attack, offender) = attack()
        let owner = Member("fd60:4::13", card: Member.neighbour.card, port: "v2")
        let own = Member("fd60:4::11", card: offender.card, port: "v1")
        for number in 0..<20 {
            let time = Double(number)
            attack.neighbour(at: time, owner, owner.address, to: own)
            attack.neighbour(
                at: time + 0.3, own, owner.address,
                to: Member("fd60:4::1", card: Member.gateway.card))
        }
        try expectFenced(attack, as: "ipv6_neighbour_spoofing", "T1557")
    }

    @Test func rogueDHCPServer() throws {
        var (attack, offender) = attack()
        attack.dhcpOffer(at: 1, offender, to: .bystander)
        try expectFenced(attack, as: "rogue_dhcp_server", "T1557.003")
    }

    @Test func rogueRouterAdvertisement() throws {
        var (attack, offender) = attack()
        attack.routerAdvertisement(
            at: 1, Member("fe80::42:aff:fe3c:40b", card: offender.card, port: "v1"))
        try expectFenced(attack, as: "rogue_router", "T1557")
    }

    /// The sender of a redirect bears the gateway's addresses: the port shows that it is not.
    @Test func redirectInTheGatewaysName() throws {
        var (attack, _) = attack()
        attack.redirect(at: 1, Member.gateway.at("v1"), to: .bystander)
        try expectFenced(attack, as: "rogue_router", "T1557")
    }

    /// The MAC address of another port, whose host goes on.
    @Test func macAddressOfAnotherPort() throws {
        var (attack, offender) = attack()
        let owner = Member.neighbour.at("v2")
        attack.gratuitous(at: -4, owner)
        for number in 0..<20 {
            let time = Double(number) / 2
            attack.tcp(at: time, owner, .store, UInt16(41_000 + number), 80)
            attack.tcp(
                at: time + 0.2, Member(offender.address, card: owner.card, port: "v1"), .store,
                UInt16(42_000 + number), 80)
        }
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: offender.address).contains {
                $0.pattern == "mac_address_of_another_host" && $0.evidence == "port"
                    && $0.decision == "quarantine"
            }, "\(outcome.alerts)")
        #expect(outcome.fenced == ["port:v1"], "\(outcome)")
    }

    /// Packets of a host that were sent to the offender's MAC address, and come from its port.
    @Test func forwardingOfOthersPackets() throws {
        var (attack, offender) = attack()
        let victim = Member.bystander.at("v2")
        attack.gratuitous(at: -4, victim)
        for number in 0..<4 {
            let time = Double(number) / 3
            let source = UInt16(43_000 + number)
            let hop = Member(Member.store.address, card: offender.card)
            attack.tcp(at: time, victim, hop, source, 80)
            attack.tcp(
                at: time + 0.000_1, victim.by(offender), .store, source, 80)
            attack.tcp(
                at: time + 0.000_2, .store, victim, 80, source, flags: 0x12, sequence: 1,
                acknowledgment: 1001)
        }
        // Whoever sends to the MAC address of a host that forwards packets makes it do so.
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Member.offender.address).contains {
                $0.pattern == "forwarding_of_others_packets" && $0.technique == "T1557"
                    && $0.decision == "watch"
            }, "\(outcome.alerts)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
    }

    @Test func floodOfAnnouncements() throws {
        var (attack, offender) = attack()
        for number in 0..<2000 {
            attack.gratuitous(at: Double(number) / 500, offender)
        }
        try expectFenced(attack, as: "arp_flood", "T1557.002")
    }

    /// Without ports the MAC address is the evidence, which whoever writes the announcement
    /// chooses: named, and not fenced.
    @Test func withoutPortsATakeoverIsOnlyWatched() throws {
        var attack = Attack()
        attack.poison(.offender, .bystander, .gateway)
        let outcome = try bench.judge(attack)
        #expect(
            outcome.alerts(on: Member.offender.address).contains {
                $0.pattern == "arp_spoofing" && $0.evidence == "mac" && $0.decision == "watch"
            }, "\(outcome.alerts)")
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(outcome.alerts(on: Member.gateway.address).isEmpty)
        #expect(outcome.alerts(on: Member.bystander.address).isEmpty, "\(outcome.alerts)")
    }

    /// Without a model the attacker is ranked first.
    @Test func withoutAModelTheTakerIsRankedFirst() throws {
        var attack = Attack()
        for number in 0..<20 {
            attack.ask(at: Double(number) - 20, .gateway, for: Member.bystander.address)
            attack.ask(at: Double(number) - 19.5, .bystander, for: Member.gateway.address)
        }
        attack.gratuitous(at: -10, .offender)
        attack.poison(.offender, .bystander, .gateway)
        for number in 0..<60 {
            attack.arpReply(
                at: Double(number) / 2 + 0.2, .gateway, Member.gateway.address, to: .bystander)
        }
        let captures = try attack.write(to: bench.scratch)
        let run = try Run(
            "replay", "-r", "captures/clean-test.pcap", "-r", captures[0], "--format", "eve")
        let first = try #require(try run.json.first?["lazaret"] as? [String: Any])
        #expect(first["offender"] as? String == Member.offender.address, "\(first)")
        #expect("\(first)".contains("ARP announces"), "\(first)")
    }

    /// A baseline knows nothing of ARP: one alert says what is announced, and whose it is.
    @Test func theAlertSaysWhatWasTaken() throws {
        var attack = Attack()
        attack.poison(.offender, .bystander, .gateway)
        let captures = try attack.write(to: bench.scratch)
        let run = try Run(
            "replay", "-r", captures[0], "-m", bench.model, "--inventory",
            "captures/inventory.yaml", "--format", "eve")
        #expect(
            run.output.contains(
                "ARP announces 10.60.4.1, the gateway's address, which belongs to another host"),
            "\(run.output)")
    }
}
