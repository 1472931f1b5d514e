import Foundation
import NetworkAddresses
import TestKit
import Testing
import Timestamps

/// Harmless events that look like the attacks of the other suites: none raises an alert, and none
/// is fenced.
struct CleanCounterpartTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    private func expectQuiet(
        _ traffic: Attack, inventory: String = "captures/inventory.yaml",
        except contacts: Set<String> = [], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try bench.judge(traffic, inventory: inventory)
        #expect(
            outcome.alerts.allSatisfy { contacts.contains($0.pattern) && $0.decision == "watch" },
            "\(outcome.alerts)", sourceLocation: sourceLocation)
        #expect(outcome.fenced.isEmpty, "\(outcome)", sourceLocation: sourceLocation)
    }

    private static let client = Member("10.60.2.11")
    /// The application's way to the database: by the gateway of its network.
    private static let database = Member("10.60.3.5", card: "02:42:1f:65:b7:29")

    /// The monitor starts in the middle of connections.
    @Test func connectionsOlderThanTheCapture() throws {
        var traffic = Attack()
        for number in 0..<40 {
            let source = UInt16(40_000 + number)
            for step in 0..<20 {
                let time = Double(step) / 4 + Double(number) / 200
                traffic.tcp(
                    at: time, Self.client, Self.database, source, 5432, flags: 0x18,
                    sequence: UInt32(1000 + step * 100), acknowledgment: UInt32(500 + step * 50),
                    size: 100)
                traffic.tcp(
                    at: time + 0.001, Self.database, Self.client, 5432, source, flags: 0x18,
                    sequence: UInt32(500 + step * 50), acknowledgment: UInt32(1100 + step * 100),
                    size: 50)
            }
        }
        try expectQuiet(traffic)
    }

    /// Only one direction is captured.
    @Test(arguments: [true, false]) func oneDirectionOnly(isFromClient: Bool) throws {
        var traffic = Attack()
        traffic.visits(Self.client, Self.database, port: 5432, count: 12, seconds: 30)
        let seen = traffic.records.filter {
            $0.record.bytes[26...29] == (isFromClient ? [10, 60, 2, 11] : [10, 60, 3, 5])
        }
        #expect(!seen.isEmpty)
        try expectQuiet(Attack(records: seen))
    }

    /// Each packet twice, as where two interfaces of one path are captured, and some too late.
    @Test func packetsTwiceAndOutOfOrder() throws {
        var traffic = Attack()
        traffic.visits(Self.client, Self.database, port: 5432, count: 3, seconds: 30)
        var mixed: [(record: CaptureFile.Record, port: String?)] = []
        for (number, entry) in traffic.records.enumerated() {
            mixed.append(entry)
            var copy = entry
            copy.record.time += .milliseconds(number % 3 == 0 ? 7 : 1)
            mixed.append(copy)
        }
        try expectQuiet(Attack(records: mixed))
    }

    /// All users of the sample behind one address.
    @Test func usersBehindOneAddress() throws {
        let sample = try Data(
            contentsOf: Run.root.appendingPathComponent("captures/clean-test.pcap"))
        var users: Set<[UInt8]> = []
        let records = CaptureFile.records(ofPcap: [UInt8](sample)).map { entry in
            var bytes = entry.bytes
            for place in [26, 30] where bytes[12...13] == [8, 0] {
                guard bytes[place..<place + 3] == [198, 51, 100] else { continue }
                users.insert(Array(bytes[place..<place + 4]))
                bytes.replaceSubrange(place..<place + 4, with: [192, 0, 2, 77])
            }
            return CaptureFile.Record(
                Timestamp(nanoseconds: Int64(entry.stamp) * 1000), bytes)
        }
        #expect(users.count >= 40)
        let translated = try bench.scratch.write("nat.pcap", Data(CaptureFile.pcap(records)))
        let outcome = try Outcome(
            Attack(), bench.scratch, model: bench.model, background: [translated])
        #expect(outcome.alerts.isEmpty && outcome.fenced.isEmpty, "\(outcome)")
    }

    /// Fifteen new containers, which announce themselves and begin to work.
    @Test func aBurstOfNewContainers() throws {
        var traffic = Attack()
        for number in 0..<15 {
            let member = Member("10.60.4.\(30 + number)")
            let start = Double(number) / 10
            for announcement in 0..<3 {
                traffic.gratuitous(at: start + Double(announcement), member)
            }
            traffic.ask(at: start + 0.1, member, for: Member.gateway.address)
            traffic.arpReply(
                at: start + 0.101, .gateway, Member.gateway.address, to: member)
        }
        try expectQuiet(traffic)
    }

    /// A backup that the inventory names takes an address over from its master, and gives it back.
    @Test(arguments: [nil, "v"] as [String?]) func keepalivedMovesAnAddress(
        ports: String?
    ) throws {
        let master = Member(
            "10.60.3.51", card: "02:42:0a:3c:03:33", port: ports.map { $0 + "1" })
        let backup = Member(
            "10.60.3.52", card: "02:42:0a:3c:03:34", port: ports.map { $0 + "2" })
        let inventory = try sharing("10.60.3.50", of: [master, backup])
        var traffic = Attack()
        traffic.gratuitous(at: -3, master)
        traffic.gratuitous(at: -3, backup)
        traffic.failover("10.60.3.50", from: master, to: backup)
        try expectQuiet(
            traffic, inventory: inventory,
            except: ["contact_never_seen_before", "lateral_movement"])
    }

    /// The virtual MAC address of VRRP moves with the address.
    @Test(arguments: [nil, "v"] as [String?]) func aVirtualRouterMoves(ports: String?) throws {
        let virtual = "00:00:5e:00:01:33"
        let master = Member("10.60.3.51", card: virtual, port: ports.map { $0 + "1" })
        let backup = Member("10.60.3.52", card: virtual, port: ports.map { $0 + "2" })
        let inventory = try sharing("10.60.3.50", of: [master, backup])
        var traffic = Attack()
        traffic.failover("10.60.3.50", from: master, to: backup)
        try expectQuiet(
            traffic, inventory: inventory,
            except: ["contact_never_seen_before", "lateral_movement"])
    }

    /// A container that is gone at one port and comes back at another.
    @Test func aContainerMovesToAnotherPort() throws {
        var traffic = Attack()
        let here = Member.neighbour.at("v1")
        traffic.gratuitous(at: 0, here)
        traffic.visits(here, .store, port: 80, count: 4, seconds: 5)
        traffic.remove(port: "v1", at: 10)
        let there = Member.neighbour.at("v2")
        traffic.gratuitous(at: 12, there)
        for number in 0..<4 {
            traffic.visit(
                at: 13 + Double(number), there, .store, from: UInt16(31_000 + number), port: 80)
        }
        try expectQuiet(traffic)
    }

    /// A container that is recreated with its address and another MAC address: the old one is gone.
    @Test func aContainerIsRecreated() throws {
        var traffic = Attack()
        let again = Member("10.60.4.40", card: "02:66:00:00:00:02")
        traffic.gratuitous(at: 0, Member("10.60.4.40", card: "02:66:00:00:00:01"))
        for number in 0..<5 { traffic.gratuitous(at: 20 + Double(number), again) }
        try expectQuiet(traffic)
    }

    /// The gateway answers ARP for hosts of other networks, and renews leases.
    @Test func aGatewayThatAnswersForOthers() throws {
        var traffic = Attack()
        for number in 0..<20 {
            traffic.arpReply(at: Double(number), .gateway, "10.60.3.5", to: .bystander)
            traffic.arpReply(
                at: Double(number) + 0.1, .gateway, Member.neighbour.address, to: .bystander)
            traffic.dhcpOffer(at: Double(number) + 0.2, .gateway, to: .bystander)
        }
        for number in 0..<20 {
            traffic.ask(at: Double(number) + 0.5, .neighbour, for: Member.gateway.address)
        }
        try expectQuiet(traffic)
    }

    /// The parent interface of macvlan containers: many MAC addresses behind one port.
    @Test func containersOfMacvlan() throws {
        var traffic = Attack()
        traffic.shared = ["eth0"]
        for number in 11...14 {
            let member = Member("10.60.4.\(number)").at("eth0")
            traffic.gratuitous(at: 0, member)
            for visit in 0..<4 {
                traffic.visit(
                    at: Double(visit * 5) + Double(number) / 10, member, .store,
                    from: UInt16(33_000 + number * 10 + visit), port: 80)
            }
        }
        try expectQuiet(traffic)
    }

    /// The sample's inventory, in which a workload's members share an address.
    private func sharing(_ address: String, of members: [Member]) throws -> String {
        let text = try String(
            contentsOf: Run.root.appendingPathComponent("captures/inventory.yaml"), encoding: .utf8)
        let instances = members.map {
            "      - {addresses: [\($0.address), \(address)], macs: ['\($0.card)']}\n"
        }
        let workload = "  - name: balancer\n    instances:\n" + instances.joined()
        return try bench.scratch.write("inventory.yaml", Data((text + workload).utf8))
    }
}

extension Attack {
    fileprivate init(records: [(record: CaptureFile.Record, port: String?)]) {
        self.init()
        self.records = records
    }

    /// An address moves from `master` to `backup` and back: each announces it, and answers with it.
    fileprivate mutating func failover(
        _ address: String, from master: Member, to backup: Member
    ) {
        for (turn, holder) in [master, backup, master].enumerated() {
            let start = Double(turn) * 20
            let virtual = Member(address, card: holder.card, port: holder.port)
            for number in 0..<5 { gratuitous(at: start + Double(number) / 10, virtual) }
            let client = Member("10.60.3.20", port: holder.port.map { _ in "v9" })
            for number in 0..<15 {
                let time = start + 1 + Double(number)
                ask(at: time, client, for: address)
                arpReply(at: time + 0.001, virtual, address, to: client)
            }
            visit(at: start + 2, client, virtual, from: UInt16(36_000 + turn), port: 80)
            visit(at: start + 3, virtual, client, from: UInt16(36_100 + turn), port: 80)
        }
    }
}
