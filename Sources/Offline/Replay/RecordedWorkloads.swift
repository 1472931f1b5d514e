import NetworkAddresses
import Workloads

/// The inventory of all recorded names so far.
struct RecordedWorkloads {
    private let given: Inventory
    private let remembered: Inventory
    private var holders: [IPAddress: Inventory.Holder] = [:]
    private var networks: [Inventory.Network] = []

    /// - Parameters:
    ///   - given: takes precedence over recorded names.
    ///   - remembered: counts only outside the recorded networks.
    init(given: Inventory, remembered: Inventory) {
        self.given = given
        self.remembered = remembered
    }

    mutating func apply(_ change: WorkloadChange) {
        for (address, holder) in change.holders { holders[address] = holder }
        if let told = change.networks { networks = told }
    }

    /// The recorded containers and pods, by identifier.
    var instances: [(id: String, workload: String)] {
        holders.compactMap { address, holder in
            guard let id = holder.instance else { return nil }
            return (id, given.workload(of: address)?.name ?? holder.workload)
        }
    }

    /// The current inventory.
    var inventory: Inventory {
        given.joined(
            live: Inventory(holders: holders, networks: networks), remembered: remembered)
    }
}
