internal import NetworkAddresses

extension Inventory {
    /// Returns this inventory, which the operator gave, merged with the live inventory of the
    /// engines, and with the inventory of a model outside the engines' networks. The first takes
    /// precedence.
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
