public import NetworkAddresses
public import Timestamps

/// One member of a workload as seen by the policy: a container, pod or host with all its addresses.
///
/// Replicas of a service are separate members with the same name.
public struct KnownWorkload: Sendable, Equatable {
    public var name: String
    public var addresses: [IPAddress]
    /// Its MAC addresses, if they are known.
    public var links: [MACAddress]
    /// Packet time when it was first seen; its warm-up starts here.
    public var knownSince: Timestamp

    public init(
        name: String, addresses: [IPAddress], links: [MACAddress] = [],
        knownSince: Timestamp = .distantPast
    ) {
        self.name = name
        self.addresses = addresses
        self.links = links
        self.knownSince = knownSince
    }

    /// Every address that a rule on this member must include.
    ///
    /// If it uses IPv6, this includes the link-local address derived from each MAC address.
    var allAddresses: [IPAddress] {
        guard addresses.contains(where: { !$0.isIPv4 }) else { return addresses }
        return addresses + links.map { IPAddress(linkLocalOf: $0) }
    }
}

/// A network of the inventory.
public struct KnownNetwork: Sendable, Equatable {
    public var name: String
    public var prefix: IPPrefix
    public var gateway: IPAddress?

    public init(name: String, prefix: IPPrefix, gateway: IPAddress? = nil) {
        self.name = name
        self.prefix = prefix
        self.gateway = gateway
    }
}

/// The known workloads and networks, from which the policy derives subnets and shares of workloads.
public struct KnownInventory: Sendable, Equatable {
    public private(set) var workloads: [KnownWorkload]
    public private(set) var networks: [KnownNetwork]
    private var byAddress: [IPAddress: Int] = [:]
    private var byLink: [MACAddress: Int] = [:]

    public init(workloads: [KnownWorkload] = [], networks: [KnownNetwork] = []) {
        self.workloads = workloads
        self.networks = networks.sorted { $0.prefix.length > $1.prefix.length }
        for (index, workload) in workloads.enumerated() {
            for address in workload.addresses { byAddress[address] = index }
            for link in workload.links { byLink[link] = index }
        }
    }

    /// The workload that has `address`, or nil.
    public func workload(at address: IPAddress) -> KnownWorkload? {
        byAddress[address].map { workloads[$0] }
    }

    /// The workload that has the MAC address `link`, or nil.
    public func workload(at link: MACAddress) -> KnownWorkload? {
        byLink[link].map { workloads[$0] }
    }

    /// Indices of the workloads with an address in `prefix`.
    func indices(in prefix: IPPrefix) -> Set<Int> {
        Set(byAddress.lazy.filter { prefix.contains($0.key) }.map(\.value))
    }

    func index(at address: IPAddress) -> Int? { byAddress[address] }
}
