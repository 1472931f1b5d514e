public import NetworkAddresses

/// The identity of an address in the baseline: names that stay the same when addresses change.
public struct Identity: Hashable, Sendable {
    public enum Place: UInt8, Sendable, BitwiseCopyable {
        /// In a container network, or a private address where no networks are known.
        case inside
        /// A network's gateway: the node itself.
        case gateway
        /// Anywhere else.
        case outside
        /// Multicast or broadcast: not a host.
        case group
    }

    /// The workload's name; for an unknown inside address the address; `outside` for all outside.
    public var name: String
    /// The image, or nil.
    public var image: String?
    /// The network's name, or the address's /24 or /64 where no network is known; `outside` for all
    /// outside.
    public var network: String
    public var place: Place
    /// Whether a source of names gives it a name.
    public var isNamed: Bool

    /// Whether it is no more than an address: an attacker can forge any number of these, each of
    /// which is an identity of its own.
    public var isMereAddress: Bool { !isNamed && place != .outside }
}

/// Resolves addresses to identities: from a given inventory, from the running containers that
/// engines report, and otherwise by the kind of address.
///
/// A given inventory takes precedence. Otherwise only an engine's names are used within its
/// networks, because addresses may have changed owners since the model was trained.
public struct IdentityMap: Sendable {
    /// The inventory that the operator gave.
    public let inventory: Inventory
    /// The inventory stored in a model; used only outside the engines' networks.
    private let remembered: Inventory
    private var live: [IPAddress: Inventory.Holder] = [:]
    private var liveNetworks: [Inventory.Network] = []
    /// All networks, the smallest first.
    private var networks: [Inventory.Network]

    /// The name under which all outside addresses are learned together.
    public static let outside = "outside"

    public init(inventory: Inventory, remembered: Inventory = .empty) {
        self.inventory = inventory
        self.remembered = remembered
        networks = Self.sorted(inventory.networks + remembered.networks)
    }

    /// Applies a change reported by an engine.
    public mutating func apply(_ change: WorkloadChange) {
        for (address, holder) in change.holders { live[address] = holder }
        guard let told = change.networks else { return }
        liveNetworks = told
        networks = Self.sorted(inventory.networks + told + remembered.networks)
    }

    /// Sorts the smallest network first; of equal sizes, the earlier one in the list first.
    private static func sorted(_ networks: [Inventory.Network]) -> [Inventory.Network] {
        networks.enumerated().sorted {
            ($1.element.prefix.length, $0.offset) < ($0.element.prefix.length, $1.offset)
        }.map(\.element)
    }

    /// Returns the identity of `address`. O(networks) plus one look-up; callers cache the result.
    public func identity(of address: IPAddress) -> Identity {
        if address.isMulticast || address.isLimitedBroadcast || address.isUnspecified {
            return Identity(
                name: "\(address)", image: nil, network: "group", place: .group, isNamed: false)
        }
        let network = networks.first { $0.prefix.contains(address) }
        if let identity = network.flatMap({ reserved(address, of: $0) }) { return identity }
        let isInside = network != nil || isInside(address)
        if let (name, image) = name(of: address) {
            return Identity(
                name: name, image: image,
                network: network?.name ?? Self.implicitNetwork(of: address),
                place: isInside ? .inside : .outside, isNamed: true)
        }
        guard isInside else {
            return Identity(
                name: Self.outside, image: nil, network: Self.outside, place: .outside,
                isNamed: false)
        }
        return Identity(
            name: "\(address)", image: nil,
            network: network?.name ?? Self.implicitNetwork(of: address),
            place: .inside, isNamed: false)
    }

    /// Whether an address is in a network that an inventory or an engine names.
    public func isInNetwork(_ address: IPAddress) -> Bool {
        networks.contains { $0.prefix.contains(address) }
    }

    /// The name of the workload that has an address, or of its network's gateway; nil: it has none.
    /// Cheaper than its identity, which has the names of unknown ones, too.
    public func workloadName(of address: IPAddress) -> String? {
        if address.isMulticast || address.isLimitedBroadcast || address.isUnspecified {
            return nil
        }
        if let network = networks.first(where: { $0.prefix.contains(address) }) {
            let identity = reserved(address, of: network)
            if let identity { return identity.isNamed ? identity.name : nil }
        }
        return name(of: address)?.name
    }

    /// The identity of an address that a network gives a meaning: to all, or its gateway.
    private func reserved(_ address: IPAddress, of network: Inventory.Network) -> Identity? {
        if !network.prefix.isHost, address.isIPv4,
            address == network.prefix.lastAddress || address == network.prefix.address
        {
            return Identity(
                name: "\(address)", image: nil, network: network.name, place: .group, isNamed: false
            )
        }
        guard network.gateway == address else { return nil }
        return Identity(
            name: "gateway of \(network.name)", image: nil, network: network.name,
            place: .gateway, isNamed: true)
    }

    private func name(of address: IPAddress) -> (name: String, image: String?)? {
        if let given = inventory.workload(of: address) { return (given.name, given.image) }
        if let holder = live[address] { return (holder.workload, holder.image) }
        guard !remembered.workloads.isEmpty,
            !liveNetworks.contains(where: { $0.prefix.contains(address) })
        else { return nil }
        return remembered.workload(of: address).map { ($0.name, $0.image) }
    }

    /// Used outside the known networks: with any network known, such an address is not inside; with
    /// none, every private, link-local or loopback address is.
    private func isInside(_ address: IPAddress) -> Bool {
        networks.isEmpty && (address.isPrivate || address.isLinkLocal || address.isLoopback)
    }

    private static func implicitNetwork(of address: IPAddress) -> String {
        "\(IPPrefix(address, length: address.isIPv4 ? 24 : 64))"
    }
}
