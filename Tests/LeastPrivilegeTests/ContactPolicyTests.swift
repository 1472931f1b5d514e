import BaselineGraph
import NetworkAddresses
import TestKit
import Testing
import Workloads

@testable import LeastPrivilege

/// A small shop: `web` is open to outside, asks `app`, which asks `db` and a partner outside.
enum Shop {
    static let http = Service(ipProtocol: 6, port: 80)
    static let postgres = Service(ipProtocol: 6, port: 5432)
    static let https = Service(ipProtocol: 6, port: 443)
    static let ping = Service(ipProtocol: 1, port: 0)
    static let partner = "203.0.113.90"

    static func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    static func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }

    static func inventory() throws -> Inventory {
        func workload(
            _ name: String, _ addresses: [String], labels: [String: String] = [:]
        ) throws -> Inventory.Workload {
            Inventory.Workload(
                name: name, labels: labels, addresses: try addresses.map { try prefix($0) })
        }
        return try Inventory(
            workloads: [
                workload("web", ["10.9.1.10", "fd09:1::10"]),
                workload("app", ["10.9.1.11", "10.9.1.12"]), workload("db", ["10.9.2.10"]),
                workload("idle", ["10.9.2.20"]), workload("mirror", ["198.51.100.7"]),
            ],
            networks: [
                Inventory.Network(
                    name: "front", prefix: prefix("10.9.1.0/24"), gateway: address("10.9.1.1")),
                Inventory.Network(name: "back", prefix: prefix("10.9.2.0/24")),
                Inventory.Network(name: "front6", prefix: prefix("fd09:1::/64")),
            ])
    }

    static func policy(allowsAnyOutside: Bool = false) throws -> ContactPolicy {
        try ContactPolicy(
            edges: [
                ("outside", "web", http), ("web", "app", http), ("app", "db", postgres),
                ("app", "outside", https), ("app", "mirror", http), ("app", "10.9.2.99", http),
                ("app", "gateway of front", ping), ("gone", "db", postgres),
                ("10.9.1.11", "db", http), ("gateway of old", "db", ping),
            ],
            outside: [try address(partner), try address("198.51.100.7")], modelID: "0123",
            inventory: try inventory(), allowsAnyOutside: allowsAnyOutside)
    }
}

struct ContactPolicyTests {
    private func verdict(
        _ policy: ContactPolicy, _ from: String, _ to: String, _ service: Service
    ) throws -> ContactPolicy.Verdict {
        let map = IdentityMap(inventory: policy.inventory)
        let (from, to) = (try Shop.address(from), try Shop.address(to))
        return policy.verdict(
            from: map.identity(of: from), at: from, to: map.identity(of: to), at: to, service)
    }

    /// Which directions forbid a contact; nil if it is allowed or nobody's.
    private func blocked(
        _ policy: ContactPolicy, _ from: String, _ to: String, _ service: Service
    ) throws -> [Bool]? {
        guard
            case .blocked(_, _, let isEgress, let isIngress) = try verdict(
                policy, from, to, service)
        else { return nil }
        return [isEgress, isIngress]
    }

    @Test func onlyLearntContactsAreAllowed() throws {
        let policy = try Shop.policy()
        for (from, to, service) in [
            ("192.0.2.1", "10.9.1.10", Shop.http), ("10.9.1.10", "10.9.1.12", Shop.http),
            ("10.9.1.11", "10.9.2.10", Shop.postgres), ("10.9.1.12", Shop.partner, Shop.https),
            ("10.9.1.12", "198.51.100.7", Shop.http), ("10.9.1.11", "10.9.2.99", Shop.http),
            ("10.9.1.11", "10.9.1.1", Shop.ping),
        ] {
            #expect(try verdict(policy, from, to, service) == .allowed, "\(from) \(to)")
        }
        // Another port, the other direction, another peer, another outside address.
        #expect(try blocked(policy, "10.9.1.11", "10.9.2.10", Shop.http) == [true, true])
        #expect(try blocked(policy, "10.9.2.10", "10.9.1.11", Shop.postgres) == [true, true])
        #expect(try blocked(policy, "10.9.1.10", "10.9.2.10", Shop.postgres) == [true, true])
        #expect(try blocked(policy, "10.9.1.11", "203.0.113.91", Shop.https) == [true, false])
        #expect(try blocked(policy, "192.0.2.1", "10.9.1.11", Shop.http) == [false, true])
        #expect(try blocked(policy, "10.9.1.10", "10.9.1.1", Shop.ping) == [true, false])
        // Hosts without a name, one of which the baseline contains.
        #expect(try blocked(policy, "10.9.1.77", "10.9.1.10", Shop.http) == [false, true])
        #expect(try blocked(policy, "10.9.1.77", "10.9.2.99", Shop.http) == [false, true])
        // A workload without contacts is not restricted, but others may not contact it.
        #expect(try blocked(policy, "10.9.1.10", "10.9.2.20", Shop.http) == [true, false])
        #expect(try verdict(policy, "10.9.2.20", "192.0.2.1", Shop.http) == .ungoverned)
    }

    @Test func theNodeAndGroupsOfHostsAreNotRestricted() throws {
        let policy = try Shop.policy()
        for (from, to) in [
            ("10.9.1.1", "10.9.1.10"), ("10.9.1.10", "10.9.1.255"), ("10.9.1.10", "224.0.0.251"),
            ("10.9.1.10", "255.255.255.255"), ("192.0.2.1", "192.0.2.2"), ("fd09:1::10", "ff02::1"),
        ] {
            #expect(try verdict(policy, from, to, Shop.https) == .ungoverned, "\(from) \(to)")
        }
    }

    @Test func anyOutsideAddressMayBeAllowed() throws {
        let policy = try Shop.policy(allowsAnyOutside: true)
        #expect(try verdict(policy, "10.9.1.11", "203.0.113.91", Shop.https) == .allowed)
        #expect(try blocked(policy, "10.9.1.11", "203.0.113.91", Shop.http) == [true, false])
        #expect(try blocked(policy, "10.9.1.10", "203.0.113.91", Shop.https) == [true, false])
        // A named host outside is not one of them.
        #expect(try blocked(policy, "10.9.1.11", "198.51.100.7", Shop.https) == [true, false])
    }

    @Test func whatCannotBeTakenOverIsRemarked() throws {
        let policy = try Shop.policy()
        #expect(policy.governed.map { "\($0)" } == ["app", "db", "gone", "web", "10.9.2.99"])
        for name in ["10.9.1.11", "gateway of old", "idle"] {
            #expect(policy.remarks.contains { $0.hasPrefix("\(name): ") }, "\(policy.remarks)")
        }
        #expect(policy.remarks.count == 3)
        #expect(throws: PolicyError.noContacts) {
            try ContactPolicy(
                edges: [("outside", "mirror", Shop.http)], outside: [], modelID: "",
                inventory: try Shop.inventory(), allowsAnyOutside: false)
        }
    }

    /// Too many addresses to list are an error, not a wider policy.
    @Test func manyOutsideAddressesAreNotSilentlyAllAllowed() throws {
        func policy(_ count: UInt32, any: Bool) throws -> ContactPolicy {
            try ContactPolicy(
                edges: [("app", "outside", Shop.https)],
                outside: (0..<count).map { IPAddress(v4: 0xCB00_0000 + $0) }, modelID: "",
                inventory: try Shop.inventory(), allowsAnyOutside: any)
        }
        #expect(try policy(4096, any: false).outsideAddresses?.count == 4096)
        #expect(throws: PolicyError.manyOutsideAddresses(4097)) { try policy(4097, any: false) }
        #expect(try policy(4097, any: true).outsideAddresses == nil)
    }
}

struct PolicyAddressTests {
    /// Random nested prefixes of several workloads: each address is in the pieces of its own
    /// workload only, as the inventory looks it up.
    @Test(arguments: 0..<40)
    func eachAddressIsInThePiecesOfItsWorkloadOnly(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var taken: Set<IPPrefix> = []
        var workloads: [Inventory.Workload] = []
        for index in 0..<5 {
            var prefixes: [IPPrefix] = []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let prefix = IPPrefix(
                    IPAddress(v4: 0x0A00_0000 + UInt32.random(in: 0..<64, using: &random)),
                    length: Int.random(in: 26...32, using: &random))
                if taken.insert(prefix).inserted { prefixes.append(prefix) }
            }
            workloads.append(Inventory.Workload(name: "w\(index)", addresses: prefixes))
        }
        let inventory = try Inventory(
            workloads: workloads,
            networks: [
                Inventory.Network(
                    name: "n", prefix: Shop.prefix("10.0.0.0/26"),
                    gateway: Shop.address("10.0.0.1"))
            ])
        let addresses = PolicyAddresses(inventory)
        let map = IdentityMap(inventory: inventory)
        for host in 0..<64 as Range<UInt32> {
            let address = IPAddress(v4: 0x0A00_0000 + host)
            let owners = inventory.workloads.map(\.name).filter { name in
                addresses.prefixes(of: .workload(name)).contains { $0.contains(address) }
            }
            let end = ContactPolicy.End(map.identity(of: address), address)
            var expected: [String] = []
            if case .workload(let name) = end { expected = [name] }
            #expect(owners == expected, "seed \(seed), \(address)")
        }
    }
}
