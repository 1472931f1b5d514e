import NetworkAddresses
import Workloads

/// All that notes have told so far, as an inventory.
struct NotedWorkloads {
    private let given: Inventory
    private let remembered: Inventory
    private var holders: [IPAddress: Inventory.Holder] = [:]
    private var networks: [Inventory.Network] = []

    /// - Parameters:
    ///   - given: goes before what is noted.
    ///   - remembered: counts only outside the networks that are noted.
    init(given: Inventory, remembered: Inventory) {
        self.given = given
        self.remembered = remembered
    }

    mutating func apply(_ change: WorkloadChange) {
        for (address, holder) in change.holders { holders[address] = holder }
        if let told = change.networks { networks = told }
    }

    /// Who is who now.
    var inventory: Inventory {
        given.joined(
            live: Inventory(holders: holders, networks: networks), remembered: remembered)
    }
}
