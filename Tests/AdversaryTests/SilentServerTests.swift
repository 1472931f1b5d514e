import Foundation
import TestKit
import Testing
import Timestamps

/// Servers that open no flow: whoever first sends with their address must not take it. The model
/// and the replay have no inventory, and nothing but MAC addresses says who sent a frame.
struct SilentServerTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// A model of the clean sample and of some more frames.
    private func model(_ more: Attack? = nil) throws -> String {
        let captures = try ["captures/clean-train.pcap"] + (more?.write(to: scratch) ?? [])
        let path = scratch.path("silent.model")
        let run = try Run(["train", "-o", path] + captures.flatMap { ["-r", $0] })
        #expect(run.status == 0, "\(run.errors)")
        return path
    }

    private func judge(_ attack: Attack, _ model: String) throws -> Outcome {
        try Outcome(attack, scratch, model: model, inventory: nil)
    }

    @Test(arguments: [Member.database, Member.store])
    func aServersAddressIsNobodyElses(server: Member) throws {
        var attack = Attack()
        attack.flood(server.by(.offender), .web, port: 5432)
        let outcome = try judge(attack, model())
        #expect(outcome.fenced == [Member.offender.card], "\(outcome)")
        #expect(outcome.alerts(on: server.address).allSatisfy { $0.decision == "watch" })
    }

    /// The answers of the capture itself say whose address it is, if the model does not know it.
    @Test func aServerThatIsNewKeepsItsAddress() throws {
        let server = Member("10.60.4.99")
        var attack = Attack()
        attack.visits(.neighbour, server, port: 80, count: 5, seconds: 5)
        attack.start = attack.start + .seconds(20)
        var later = attack
        later.flood(server.by(.offender), .web, port: 5432)
        let outcome = try judge(later, model())
        #expect(outcome.fenced == [Member.offender.card], "\(outcome)")
        #expect(outcome.alerts(on: server.address).allSatisfy { $0.decision == "watch" })
    }

    /// A container that was quiet while the model was trained, but for its router solicitation.
    @Test(arguments: ["10.60.3.5", "10.60.4.99"])
    func aCardThatIsKnownByNoAddressIsEvidenceOfNone(address: String) throws {
        let card = "02:66:66:66:66:66"
        var quiet = Attack()
        quiet.start = quiet.start + .seconds(-60)
        let host = Member("fe80::66", card: card)
        let solicitation = Frame.icmp(type: 133, code: 0)
        quiet.add(
            0, host, Member("ff02::2", card: "33:33:00:00:00:02"),
            [0x86, 0xDD] + Frame.ipv6("fe80::66", "ff02::2", 58, solicitation))
        let path = try model(quiet)
        var attack = Attack()
        attack.flood(Member(address, card: card), .web, port: 5432)
        let outcome = try judge(attack, path)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(!outcome.alerts.isEmpty)
        let alerts = outcome.alerts(on: address)
        #expect(alerts.allSatisfy { $0.evidence == "address" && $0.decision == "watch" })
    }
}
