package import NetworkAddresses
package import Timestamps

extension QuarantinePolicy {
    /// The limits alone, without the history of offenders.
    package var limits: QuarantinePolicy {
        QuarantinePolicy(
            options: options, protected: protected, inventory: inventory, allowlist: allowlist)
    }

    /// Why a prefix that another program names is not fenced; nil if it is.
    ///
    /// That program may be wrong, or in the hands of an attacker: it fences neither what is
    /// protected or allowed, nor what this node knows, nor whole providers.
    package func objection(toAdopting prefix: IPPrefix, time: Timestamp) -> String? {
        if prefix.isWide { return "it is wider than /\(prefix.address.isIPv4 ? 16 : 32)" }
        if let refusal = rail(.prefix(prefix), time: time) { return "\(refusal)" }
        if let network = inventory.networks.first(where: { $0.prefix.overlaps(prefix) }) {
            return "it is of the network \(network.name)"
        }
        let hasWorkload =
            prefix.isHost
            ? inventory.index(at: prefix.address) != nil : !inventory.indices(in: prefix).isEmpty
        if hasWorkload { return "it is a workload's" }
        return prefix.hasSpecialAddress ? "it is private, or no address of the Internet" : nil
    }
}
