import NetworkAddresses
import Quarantine
import Workloads

/// The addresses of a policy's ends as disjoint prefixes: a kernel set refuses those that overlap.
struct PolicyAddresses {
    private let inventory: Inventory
    private let identities: IdentityMap
    /// Prefixes of each workload, without the addresses that belong to others.
    private let pieces: [String: [IPPrefix]]

    /// Private, link-local and loopback addresses: inside where no network is known.
    private static let privatePrefixes = [
        "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.168.0.0/16", "::1", "fc00::/7", "fe80::/10",
    ].compactMap { IPPrefix($0) }

    init(_ inventory: Inventory) {
        self.inventory = inventory
        identities = IdentityMap(inventory: inventory)
        // No workload has the addresses of the node and of groups of hosts.
        let reserved = inventory.networks.flatMap { network in
            (Self.groups(of: network.prefix)
                + [network.gateway].compactMap(\.self).map { IPPrefix(host: $0) })
                .filter { inventory.network(of: $0.address)?.prefix == network.prefix }
        }
        let all = inventory.workloads.flatMap { workload in
            workload.addresses.map { (owner: workload.name, prefix: $0) }
        }
        var pieces: [String: [IPPrefix]] = [:]
        for (owner, prefix) in all {
            // The longest prefix decides whose an address is, as in the inventory.
            let others = all.filter { other in
                other.owner != owner && other.prefix.length > prefix.length
                    && prefix.contains(other.prefix)
            }
            let holes = others.map(\.prefix) + reserved.filter { prefix.contains($0) }
            pieces[owner, default: []] += ProtectedSet.split(prefix, around: holes)
        }
        self.pieces = pieces.mapValues { Self.outermost($0) }
    }

    /// The addresses of an end; none for those outside without a name.
    func prefixes(of end: ContactPolicy.End) -> [IPPrefix] {
        switch end {
        case .workload(let name): return pieces[name] ?? []
        case .address(let address): return [IPPrefix(host: address)]
        case .gateway(let name):
            return inventory.networks.filter { $0.name == name }.compactMap(\.gateway)
                .map { IPPrefix(host: $0) }.sorted()
        case .outside: return []
        }
    }

    /// The addresses of an end in container networks.
    func insidePrefixes(of end: ContactPolicy.End) -> [IPPrefix] {
        prefixes(of: end).filter { identities.isInside($0) }
    }

    /// Every address that is not outside, or that has a name.
    var known: [IPPrefix] {
        let inside =
            inventory.networks.isEmpty ? Self.privatePrefixes : inventory.networks.map(\.prefix)
        return Self.outermost(inside + inventory.workloads.flatMap(\.addresses))
    }

    /// Addresses that stand for groups of hosts.
    var groups: [IPPrefix] {
        let multicast = ["224.0.0.0/4", "255.255.255.255", "ff00::/8"].compactMap { IPPrefix($0) }
        return Self.outermost(multicast + inventory.networks.flatMap { Self.groups(of: $0.prefix) })
    }

    /// The first and the last address of a network, as `IdentityMap` counts them.
    private static func groups(of network: IPPrefix) -> [IPPrefix] {
        network.isHost || !network.address.isIPv4
            ? []
            : [network.address, network.lastAddress].map { IPPrefix(host: $0) }
    }

    /// The prefixes that no other one of them contains, each once, in order.
    static func outermost(_ prefixes: [IPPrefix]) -> [IPPrefix] {
        var kept: [IPPrefix] = []
        for prefix in Set(prefixes).sorted() where kept.last?.contains(prefix) != true {
            kept.append(prefix)
        }
        return kept
    }
}
