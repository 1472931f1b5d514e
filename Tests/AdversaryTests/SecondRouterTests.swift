import Foundation
import NetworkAddresses
import TestKit
import Testing
import Timestamps

/// A second router, which the training saw only as a host, takes over: packets from outside come by
/// its MAC address, while answers still leave by the first one.
struct SecondRouterTests {
    private let scratch: Scratch
    private let training: [String]
    private static let inventory = "captures/inventory.yaml"
    /// Beyond the networks of the inventory. The second is private, which is inside where no
    /// network is known.
    private static let router = Member("192.0.2.3", card: "02:00:c0:00:02:03")
    private static let privateRouter = Member("10.99.0.3", card: "02:00:0a:63:00:03")

    init() throws {
        scratch = try Scratch()
        // Both routers announce themselves and ping the gateway.
        var hosts = Attack()
        for router in [Self.router, Self.privateRouter] {
            for number in 0..<60 {
                hosts.gratuitous(at: Double(number) * 10, router)
                hosts.ping(at: Double(number) * 10 + 1, router, .gateway)
            }
        }
        training = try ["captures/clean-train.pcap"] + hosts.write(to: scratch)
    }

    private func judge(_ attack: Attack, hasInventory: Bool) throws -> Outcome {
        let model = scratch.path("routers.model")
        let train = try Run(
            ["train", "-o", model] + training.flatMap { ["-r", $0] }
                + (hasInventory ? ["--inventory", Self.inventory] : []))
        #expect(train.status == 0, "\(train.errors)")
        return try Outcome(
            attack, scratch, model: model, inventory: hasInventory ? Self.inventory : nil)
    }

    /// Visits of `clients` outside hosts, which come by `router`.
    private static func visits(by router: Member, clients: Int, perSecond: Int) -> Attack {
        var traffic = Attack()
        for number in 0..<20 * perSecond {
            let time = Double(number) / Double(perSecond)
            let address = "198.51.100.\(2 + number % clients)"
            let there = Member(address, card: router.card)
            let back = Member(address, card: Member.outside.card)
            let source = UInt16(30_000 + number)
            traffic.tcp(at: time, there, .web, source, 80)
            traffic.tcp(
                at: time + 0.001, .web, back, 80, source, flags: 0x12, sequence: 500,
                acknowledgment: 1001)
            traffic.tcp(
                at: time + 0.002, there, .web, source, 80, flags: 0x18, sequence: 1001,
                acknowledgment: 501, size: 100)
            traffic.tcp(
                at: time + 0.003, .web, back, 80, source, flags: 0x19, sequence: 501,
                acknowledgment: 1101, size: 300)
            traffic.tcp(
                at: time + 0.004, there, .web, source, 80, flags: 0x11, sequence: 1101,
                acknowledgment: 802)
        }
        return traffic
    }

    @Test(arguments: [(router, true), (privateRouter, true), (privateRouter, false)])
    private func itIsNotAccused(_ router: Member, hasInventory: Bool) throws {
        let outcome = try judge(
            Self.visits(by: router, clients: 60, perSecond: 20), hasInventory: hasInventory)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(outcome.alerts(on: router.address).isEmpty, "\(outcome.alerts)")
    }

    /// Hosts inside connect to servers outside, whose answers and resets come by the second router.
    @Test(arguments: [true, false]) func answersComeByIt(hasInventory: Bool) throws {
        var traffic = Attack()
        for number in 0..<400 {
            let time = Double(number) / 20
            let address = "203.0.113.\(100 + number % 60)"
            let there = Member(address, card: Member.outside.card)
            let back = Member(address, card: Self.privateRouter.card)
            let source = UInt16(30_000 + number)
            traffic.tcp(at: time, .app, there, source, 443)
            traffic.tcp(
                at: time + 0.001, back, .app, 443, source, flags: 0x12, sequence: 500,
                acknowledgment: 1001)
            traffic.tcp(
                at: time + 0.002, .app, there, source, 443, flags: 0x18, sequence: 1001,
                acknowledgment: 501, size: 100)
            traffic.tcp(
                at: time + 0.003, back, .app, 443, source, flags: 0x14, sequence: 501,
                acknowledgment: 1101)
        }
        let outcome = try judge(traffic, hasInventory: hasInventory)
        #expect(!outcome.fenced.contains(Self.privateRouter.card), "\(outcome)")
        #expect(outcome.alerts(on: Self.privateRouter.address).isEmpty, "\(outcome.alerts)")
    }

    /// What a neighbour beyond the networks forges may come from beyond it: the target is named.
    @Test func forgedPacketsThatItForwards() throws {
        var attack = Attack()
        attack.forge(by: Self.router)
        let outcome = try judge(attack, hasInventory: true)
        #expect(outcome.fenced.isEmpty, "\(outcome)")
        #expect(outcome.alerts(on: Self.router.address).isEmpty, "\(outcome.alerts)")
        #expect(
            outcome.alerts.contains { $0.target == Member.web.address }, "\(outcome.alerts)")
    }

    /// A host of the known networks does not hide by handshakes that it completes from addresses
    /// outside, for which it may have help there.
    @Test func aHostOfTheNetworksIsNoRouter() throws {
        var attack = Self.visits(by: .offender, clients: 60, perSecond: 20)
        attack.forge(by: .offender)
        let outcome = try judge(attack, hasInventory: true)
        #expect(outcome.fenced == [Member.offender.card], "\(outcome)")
    }

    /// Without handshakes, it is a host that forges addresses.
    @Test func aNeighbourThatOnlyForgesIsFenced() throws {
        var attack = Attack()
        attack.forge(by: Self.privateRouter)
        let outcome = try judge(attack, hasInventory: false)
        #expect(outcome.fenced == [Self.privateRouter.card], "\(outcome)")
    }
}

extension Attack {
    /// SYNs from as many outside addresses, by a host's MAC address.
    fileprivate mutating func forge(by host: Member) {
        for number in 0..<3000 {
            let source = Member("\(11 + number % 80).\(number % 251).7.9", card: host.card)
            tcp(at: 25 + Double(number) / 500, source, .web, UInt16(1024 + number), 80)
        }
    }
}
