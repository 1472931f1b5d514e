public import NetworkAddresses

/// What an address stands for in the baseline: names that outlive addresses.
public struct Identity: Hashable, Sendable {
    public enum Place: UInt8, Sendable, BitwiseCopyable {
        /// In a container network, or a private address where no networks are known.
        case inside
        /// A network's gateway: the node itself.
        case gateway
        /// Anywhere else.
        case outside
        /// Multicast or broadcast: nobody in particular.
        case group
    }

    /// The workload's name; for an unknown inside address the address; `outside` for all outside.
    public var name: String
    /// The image, or nil.
    public var image: String?
    /// The network's name, or its /24 or /64 where none is known; `outside` for all outside.
    public var network: String
    public var place: Place
    /// Whether the inventory names it.
    public var isNamed: Bool
}

/// Resolves addresses to identities by an inventory, and without one by the kind of address.
public struct IdentityMap: Sendable {
    public let inventory: Inventory

    /// The name under which all outside addresses are learnt together.
    public static let outside = "outside"

    public init(inventory: Inventory) { self.inventory = inventory }

    /// What `address` stands for. O(networks) plus one look-up; callers keep the answer.
    public func identity(of address: IPAddress) -> Identity {
        if address.isMulticast || address.isLimitedBroadcast || address.isUnspecified {
            return Identity(
                name: "\(address)", image: nil, network: "group", place: .group, isNamed: false)
        }
        let network = inventory.network(of: address)
        if let network, !network.prefix.isHost, address.isIPv4,
            address == network.prefix.lastAddress || address == network.prefix.address
        {
            return Identity(
                name: "\(address)", image: nil, network: network.name, place: .group, isNamed: false
            )
        }
        if let network, network.gateway == address {
            return Identity(
                name: "gateway of \(network.name)", image: nil, network: network.name,
                place: .gateway, isNamed: true)
        }
        if let workload = inventory.workload(of: address) {
            return Identity(
                name: workload.name, image: workload.image,
                network: network?.name ?? Self.implicitNetwork(of: address),
                place: network != nil || isInside(address) ? .inside : .outside, isNamed: true)
        }
        guard network != nil || isInside(address) else {
            return Identity(
                name: Self.outside, image: nil, network: Self.outside, place: .outside,
                isNamed: false)
        }
        return Identity(
            name: "\(address)", image: nil,
            network: network?.name ?? Self.implicitNetwork(of: address),
            place: .inside, isNamed: false)
    }

    /// With networks known, only they are inside; without, every private or link-local address is.
    private func isInside(_ address: IPAddress) -> Bool {
        inventory.networks.isEmpty
            && (address.isPrivate || address.isLinkLocal || address.isLoopback)
    }

    private static func implicitNetwork(of address: IPAddress) -> String {
        "\(IPPrefix(address, length: address.isIPv4 ? 24 : 64))"
    }
}
