package import NetworkAddresses
package import Quarantine

/// Where the protected set comes from: the configuration, what this node shows, and what engines
/// name.
package struct ProtectionSources: Sendable {
    package var discovery: ProtectedDiscovery
    /// Protected as long as the monitor runs.
    private let configured: ProtectedSet
    /// What the node showed when it was last looked at.
    private var discovered = ProtectedSet()
    private var named: [ProtectedSet.Entry] = []

    package init(_ policy: QuarantinePolicy, _ discovery: ProtectedDiscovery) {
        self.discovery = discovery
        self.discovery.containers = policy.inventory.networks.map(\.prefix)
        var protected = policy.protected
        for network in policy.inventory.networks {
            guard let gateway = network.gateway else { continue }
            protected.add(.init(host: gateway), reason: "gateway of \(network.name)")
        }
        for service in policy.options.kept {
            protected.add(
                .init(host: service.address), reason: "kept reachable: \(service.name)")
        }
        configured = protected
    }

    /// Everything that no rule may cover. What is no longer found is no longer protected: cards and
    /// addresses come and go.
    package var all: ProtectedSet {
        var all = configured
        for entry in named { all.add(entry.prefix, reason: entry.reason) }
        all.formUnion(discovered)
        return all
    }

    /// Looks at the node anew.
    ///
    /// - Returns: its own addresses, whose neighbour discovery is needed to reach what is kept.
    package mutating func refresh() throws(QuarantineError) -> [IPAddress] {
        let found = try discovery.discover()
        discovered = found.protected
        return found.ownAddresses
    }

    /// Goes on with other networks.
    ///
    /// - Parameter protected: what engines name, beside the networks' gateways.
    package mutating func follow(
        _ inventory: KnownInventory, protecting protected: [ProtectedSet.Entry]
    ) {
        discovery.containers = inventory.networks.map(\.prefix)
        named =
            protected
            + inventory.networks.compactMap { network in
                network.gateway.map {
                    .init(IPPrefix(host: $0), reason: "gateway of network \(network.name)")
                }
            }
    }
}
