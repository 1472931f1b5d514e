import NetworkAddresses
package import Quarantine
package import Workloads

extension KnownInventory {
    /// - Parameter since: when a workload was first seen, where it has not always been known.
    package init(_ inventory: Inventory, since: [String: Int64] = [:]) {
        self.init(
            // Replicas are fenced one by one: one that misbehaves says nothing of the others.
            workloads: inventory.workloads.flatMap { workload in
                workload.addresses.filter(\.isHost).map {
                    KnownWorkload(
                        name: workload.name, addresses: [$0.address],
                        knownSince: since[workload.name] ?? .min)
                }
            },
            networks: inventory.networks.map {
                KnownNetwork(name: $0.name, prefix: $0.prefix, gateway: $0.gateway)
            })
    }
}
