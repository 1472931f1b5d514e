internal import NetworkAddresses
package import Quarantine
package import Workloads

extension QuarantinePolicy {
    /// Creates the policy of a node with this inventory.
    package init(
        options: QuarantinePolicyOptions, inventory: Inventory, allowlist: [AllowEntry] = []
    ) {
        var protected = ProtectedSet()
        for network in inventory.networks {
            guard let gateway = network.gateway else { continue }
            protected.add(IPPrefix(host: gateway), reason: "gateway of network \(network.name)")
        }
        self.init(
            options: options, protected: protected,
            inventory: KnownInventory(inventory), allowlist: allowlist)
    }
}
