import BaselineGraph
import NetworkAddresses
import Workloads

extension ContactPolicy.End: Comparable {
    /// The end that an address is; nil for a group of hosts.
    init?(_ identity: Identity, _ address: IPAddress) {
        switch identity.place {
        case .group: return nil
        case .gateway: self = .gateway(identity.network)
        case .inside where !identity.isNamed: self = .address(address)
        case .outside where !identity.isNamed: self = .outside
        case .inside, .outside: self = .workload(identity.name)
        }
    }

    public static func < (left: Self, right: Self) -> Bool { left.key < right.key }

    /// Namespace and name of the Kubernetes service that it is: the baseline has `service shop/db`
    /// for the address of `db` in the namespace `shop`. No container gets such a name.
    var service: (namespace: String, name: String)? {
        guard case .workload(let name) = self, name.hasPrefix("service ") else { return nil }
        let parts = name.dropFirst("service ".count).split(
            separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, PodSelector.isNamespace(parts[0]) else { return nil }
        return (String(parts[0]), String(parts[1]))
    }

    private var key: (Int, String, IPAddress) {
        switch self {
        case .workload(let name): (0, name, .unspecified)
        case .address(let address): (1, "", address)
        case .gateway(let network): (2, network, .unspecified)
        case .outside: (3, "", .unspecified)
        }
    }
}

extension ContactPolicy.End: CustomStringConvertible {
    /// The name that the baseline has for it.
    public var description: String {
        switch self {
        case .workload(let name): name
        case .address(let address): "\(address)"
        case .gateway(let network): "gateway of \(network)"
        case .outside: IdentityMap.outside
        }
    }
}

extension ContactPolicy.Rule: Comparable, CustomStringConvertible {
    public static func < (left: Self, right: Self) -> Bool {
        (left.from, left.to, left.service.rawValue) < (right.from, right.to, right.service.rawValue)
    }

    public var description: String { "\(from) -> \(to) \(service)" }
}

/// Reads the names of a baseline as ends, by the names that an inventory has now.
struct EndReader {
    private let identities: IdentityMap
    private let workloads: [String: Inventory.Workload]
    private let networks: [Inventory.Network]

    init(inventory: Inventory) {
        identities = IdentityMap(inventory: inventory)
        networks = inventory.networks
        workloads = Dictionary(
            inventory.workloads.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The end with this name in a baseline; nil if the inventory has another name for the address,
    /// or none of the network.
    func end(_ name: String) -> ContactPolicy.End? {
        if name == IdentityMap.outside { return .outside }
        if let address = IPAddress(name) {
            let end = ContactPolicy.End(identities.identity(of: address), address)
            return end == .address(address) ? end : nil
        }
        if let network = networks.first(where: { "gateway of \($0.name)" == name }) {
            return .gateway(network.name)
        }
        return name.hasPrefix("gateway of ") ? nil : .workload(name)
    }

    static func remark(_ name: String) -> String {
        "\(name): the inventory has another name for it, or none; its contacts are left out"
    }

    /// Whether flows of this end can be restricted: a host of a container network. A workload that
    /// the inventory lacks counts as one; services and nodes of a cluster do not.
    func isGoverned(_ end: ContactPolicy.End) -> Bool {
        switch end {
        case .workload(let name):
            guard end.service == nil, !name.hasPrefix("node ") else { return false }
            guard let workload = workloads[name] else { return true }
            return workload.addresses.contains { identities.isInside($0) }
        case .address: return true
        case .gateway, .outside: return false
        }
    }

    /// Whether an address is outside and has no name.
    func isOutside(_ address: IPAddress) -> Bool {
        ContactPolicy.End(identities.identity(of: address), address) == .outside
    }
}

extension IdentityMap {
    /// Whether a workload's prefix is in a container network.
    func isInside(_ prefix: IPPrefix) -> Bool {
        inventory.networks.isEmpty
            ? identity(of: prefix.address).place == .inside
            : inventory.networks.contains { $0.prefix.overlaps(prefix) }
    }
}
