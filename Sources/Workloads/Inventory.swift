public import NetworkAddresses

/// Who is who on this node: workloads by address, and the networks they live in.
///
/// Shape as in the inventory file: `workloads: [{name, image?, labels?, addresses, macs?}]` and
/// `networks: [{name, prefix, gateway?}]`. Look-ups are by longest prefix.
public struct Inventory: Sendable, Equatable {
    /// One workload: all its replicas, under one name.
    public struct Workload: Sendable, Equatable {
        /// Unique name, as an operator knows it.
        public var name: String
        /// Image or group whose baseline stands in while the workload has none of its own.
        public var image: String?
        public var labels: [String: String]
        /// Every address it has or had.
        public var addresses: [IPPrefix]
        /// Hardware addresses of its interfaces, where they are known.
        public var macs: [MACAddress]

        public init(
            name: String, image: String? = nil, labels: [String: String] = [:],
            addresses: [IPPrefix], macs: [MACAddress] = []
        ) {
            self.name = name
            self.image = image
            self.labels = labels
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

    public let workloads: [Workload]
    public let networks: [Network]
    private let byAddress: [IPAddress: Int]
    private let byPrefix: [(prefix: IPPrefix, workload: Int)]

    /// An inventory of nothing: every address stands for itself.
    public static let empty = Inventory(uncheckedWorkloads: [], networks: [])

    /// An inventory of these workloads and networks.
    ///
    /// - Throws: `.duplicateName` and `.sharedAddress` where two entries claim the same thing.
    public init(workloads: [Workload], networks: [Network]) throws(InventoryError) {
        var names: Set<String> = []
        for name in workloads.map(\.name) where !names.insert(name).inserted {
            throw .duplicateName(name)
        }
        names = []
        for name in networks.map(\.name) where !names.insert(name).inserted {
            throw .duplicateName(name)
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

    /// Whether nothing is known.
    public var isEmpty: Bool { workloads.isEmpty && networks.isEmpty }

    /// The workload that has `address`, by host address first, then by longest prefix.
    public func workload(of address: IPAddress) -> Workload? {
        if let index = byAddress[address] { return workloads[index] }
        return byPrefix.first { $0.prefix.contains(address) }.map { workloads[$0.workload] }
    }

    /// The smallest network that holds `address`.
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
