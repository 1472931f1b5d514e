import NetworkAddresses
package import Quarantine
package import Workloads
package import Timestamps

extension KnownInventory {
    /// - Parameter since: when a workload was first seen; workloads without an entry have always
    ///   been known.
    package init(_ inventory: Inventory, since: [String: Timestamp] = [:]) {
        self.init(
            // Each replica is a workload of its own: the misbehaviour of one is no evidence against
            // the others.
            workloads: inventory.workloads.flatMap { workload in
                workload.members.map {
                    KnownWorkload(
                        name: workload.name, addresses: $0.addresses, links: $0.macs,
                        knownSince: since[workload.name] ?? .distantPast)
                }
            },
            networks: inventory.networks.map {
                KnownNetwork(name: $0.name, prefix: $0.prefix, gateway: $0.gateway)
            })
    }
}
