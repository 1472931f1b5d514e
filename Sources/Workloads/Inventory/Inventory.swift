public import NetworkAddresses
public import Timestamps

/// Workloads of this node by address, and their networks.
///
/// Shape as in the inventory file: `workloads: [{name, image?, labels?, addresses, macs?,
/// instances?}]` and `networks: [{name, prefix, gateway?}]`. Look-ups are by longest prefix.
public struct Inventory: Sendable, Equatable {
    /// One workload: all its replicas, under one name.
    public struct Workload: Sendable, Equatable {
        /// Unique name, as an operator knows it.
        public var name: String
        /// Image or group whose baseline is used while the workload has none.
        public var image: String?
        public var labels: [String: String]
        /// Every address of the workload.
        public var addresses: [IPPrefix]
        /// MAC addresses of its interfaces, where known; the first belongs to the first address,
        /// and so on.
        public var macs: [MACAddress]
        /// Replicas that are known to have more than one of the addresses.
        public var instances: [Instance]

        public init(
            name: String, image: String? = nil, labels: [String: String] = [:],
            addresses: [IPPrefix], macs: [MACAddress] = [], instances: [Instance] = []
        ) {
            self.name = name
            self.image = image
            self.labels = labels
            self.addresses = addresses
            self.macs = macs
            self.instances = instances
        }
    }

    /// One replica of a workload: a container, pod or host with all its addresses.
    public struct Instance: Sendable, Equatable {
        public var addresses: [IPAddress]
        /// MAC addresses of its interfaces, where known.
        public var macs: [MACAddress]

        public init(addresses: [IPAddress], macs: [MACAddress] = []) {
            self.addresses = addresses
            self.macs = macs
        }
    }

    /// One container network.
    public struct Network: Sendable, Equatable {
        public var name: String
        public var prefix: IPPrefix
        /// The bridge's own address, never to be fenced.
        public var gateway: IPAddress?

        public init(name: String, prefix: IPPrefix, gateway: IPAddress? = nil) {
            self.name = name
            self.prefix = prefix
            self.gateway = gateway
        }
    }

    /// The current owner of an address, as an engine reports it.
    public struct Holder: Sendable, Equatable {
        public var workload: String
        public var image: String?
        public var labels: [String: String]
        public var mac: MACAddress?
        /// The identifier of the container or pod, the same for all its addresses; nil if unknown.
        public var instance: String?
        public var since: Timestamp

        public init(
            workload: String, image: String? = nil, labels: [String: String] = [:],
            mac: MACAddress? = nil, instance: String? = nil, since: Timestamp = .epoch
        ) {
            self.workload = workload
            self.image = image
            self.labels = labels
            self.mac = mac
            self.instance = instance
            self.since = since
        }
    }

    public let workloads: [Workload]
    public let networks: [Network]
    private let byAddress: [IPAddress: Int]
    private let byPrefix: [(prefix: IPPrefix, workload: Int)]

    /// An empty inventory: every address is a workload of its own.
    public static let empty = Inventory(uncheckedWorkloads: [], networks: [])

    /// An inventory of these workloads and networks.
    ///
    /// - Throws: `.duplicateName` and `.sharedAddress` if two entries have the same name or
    ///   address.
    public init(workloads: [Workload], networks: [Network]) throws(InventoryError) {
        var names: Set<String> = []
        for name in workloads.map(\.name) where !names.insert(name).inserted {
            throw .duplicateName(name)
        }
        names = []
        // A network may have a prefix of each family.
        for network in networks
        where !names.insert("\(network.prefix.address.isIPv4) \(network.name)").inserted {
            throw .duplicateName(network.name)
        }
        var owners: [IPPrefix: String] = [:]
        for workload in workloads {
            for prefix in workload.addresses {
                if let other = owners.updateValue(workload.name, forKey: prefix),
                    other != workload.name
                {
                    throw .sharedAddress(prefix, other, workload.name)
                }
            }
        }
        self.init(uncheckedWorkloads: workloads, networks: networks)
    }

    /// An inventory of the workloads in `holders`, with all their addresses and MAC addresses.
    public init(holders: [IPAddress: Holder], networks: [Network]) {
        var workloads: [String: Workload] = [:]
        var others: [String: [IPPrefix]] = [:]
        for (address, holder) in holders.sorted(by: { $0.key < $1.key }) {
            var workload =
                workloads[holder.workload]
                ?? Workload(
                    name: holder.workload, image: holder.image, labels: holder.labels,
                    addresses: [])
            // The first MAC address belongs to the first address, and so on.
            if let mac = holder.mac, !workload.macs.contains(mac) {
                workload.macs.append(mac)
                workload.addresses.append(IPPrefix(host: address))
            } else {
                others[holder.workload, default: []].append(IPPrefix(host: address))
            }
            workloads[holder.workload] = workload
        }
        for (name, addresses) in others { workloads[name]?.addresses += addresses }
        for (name, instances) in Self.instances(of: holders) {
            workloads[name]?.instances = instances
        }
        self.init(
            uncheckedWorkloads: workloads.values.sorted { $0.name < $1.name }, networks: networks)
    }

    /// Returns this inventory with those entries of `other` that it does not name itself: no
    /// workload, address or network appears twice.
    public func merging(_ other: Inventory) -> Inventory {
        let names = Set(workloads.map(\.name))
        var added: [Workload] = []
        for var workload in other.workloads where !names.contains(workload.name) {
            workload.addresses.removeAll { self.workload(of: $0.address) != nil }
            if !workload.addresses.isEmpty { added.append(workload) }
        }
        let taken = networks.map(\.prefix)
        let named = Set(networks.map(\.name))
        let more = other.networks.filter { network in
            !named.contains(network.name) && !taken.contains { $0 == network.prefix }
        }
        return Inventory(
            uncheckedWorkloads: workloads + added, networks: networks + more)
    }

    private init(uncheckedWorkloads workloads: [Workload], networks: [Network]) {
        self.workloads = workloads
        self.networks = networks.sorted { $0.prefix.length > $1.prefix.length }
        var byAddress: [IPAddress: Int] = [:]
        var byPrefix: [(prefix: IPPrefix, workload: Int)] = []
        for (index, workload) in workloads.enumerated() {
            for prefix in workload.addresses {
                if prefix.isHost {
                    byAddress[prefix.address] = index
                } else {
                    byPrefix.append((prefix, index))
                }
            }
        }
        self.byAddress = byAddress
        self.byPrefix = byPrefix.sorted { $0.prefix.length > $1.prefix.length }
    }

    /// Whether there are neither workloads nor networks.
    public var isEmpty: Bool { workloads.isEmpty && networks.isEmpty }

    /// The workload of `address`: by host address first, then by longest prefix.
    public func workload(of address: IPAddress) -> Workload? {
        if let index = byAddress[address] { return workloads[index] }
        return byPrefix.first { $0.prefix.contains(address) }.map { workloads[$0.workload] }
    }

    /// The smallest network that contains `address`.
    public func network(of address: IPAddress) -> Network? {
        networks.first { $0.prefix.contains(address) }
    }

    public static func == (left: Inventory, right: Inventory) -> Bool {
        left.workloads == right.workloads && left.networks == right.networks
    }
}

/// Why an inventory was refused.
public enum InventoryError: Error, Equatable, Sendable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case malformed(path: String, reason: String)
    case duplicateName(String)
    case sharedAddress(IPPrefix, String, String)

    public var description: String {
        switch self {
        case .unreadable(let path, let reason): "\(path): \(reason)"
        case .malformed(let path, let reason): "\(path): \(reason)"
        case .duplicateName(let name): "inventory: the name '\(name)' is given twice"
        case .sharedAddress(let prefix, let first, let second):
            "inventory: \(prefix) is given to both '\(first)' and '\(second)'"
        }
    }
}
