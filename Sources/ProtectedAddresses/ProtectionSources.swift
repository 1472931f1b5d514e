package import NetworkAddresses
package import Quarantine

/// The sources of the protected set: the configuration, discovery on this node, and the container
/// engines.
package struct ProtectionSources: Sendable {
    package var discovery: ProtectedDiscovery
    /// Protected for as long as the monitor runs.
    private let configured: ProtectedSet
    /// The results of the last discovery.
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

    /// Everything that no rule may cover. Addresses that are no longer found are no longer
    /// protected, since interfaces and addresses change.
    package var all: ProtectedSet {
        var all = configured
        for entry in named { all.add(entry.prefix, reason: entry.reason) }
        all.formUnion(discovered)
        return all
    }

    /// Runs discovery again.
    ///
    /// - Returns: this node's own addresses, whose neighbour discovery is needed to reach kept
    ///   services.
    package mutating func refresh() throws(QuarantineError) -> [IPAddress] {
        let found = try discovery.discover()
        discovered = found.protected
        return found.ownAddresses
    }

    /// Replaces the networks.
    ///
    /// - Parameter protected: addresses from the container engines, in addition to the networks'
    ///   gateways.
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
