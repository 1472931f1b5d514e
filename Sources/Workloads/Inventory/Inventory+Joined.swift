internal import NetworkAddresses

extension Inventory {
    /// This inventory, which a person gave, before what engines tell, and what a model remembers
    /// outside of the engines' networks.
    package func joined(live: Inventory, remembered: Inventory) -> Inventory {
        let kept = remembered.workloads.map { workload in
            var workload = workload
            workload.addresses.removeAll { prefix in
                live.networks.contains { $0.prefix.contains(prefix) }
            }
            return workload
        }
        let outside =
            (try? Inventory(
                workloads: kept.filter { !$0.addresses.isEmpty }, networks: remembered.networks))
            ?? .empty
        return merging(live).merging(outside)
    }
}
