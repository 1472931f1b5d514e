import AnomalyModel
import ArgumentParser
import ModelFiles
import Monitor
import NetworkAddresses
import Quarantine
import Settings
import Workloads

/// The workloads that a command may name: those of the container engines and of the inventory, then
/// those that the model was trained with.
struct NamedWorkloads {
    let live: LiveWorkloads
    /// The names of the training, which hold only where no inventory is given.
    let remembered: Inventory

    /// - Parameters:
    ///   - path: the file with the inventory; nil: none.
    ///   - model: nil: there is none.
    init(_ options: WorkloadOptions, inventory path: String?, model: Model?) async throws {
        live = try LiveWorkloads(options: options, given: try path.map(InventoryInput.read))
        for failure in await live.listOnce() {
            printError("\(failure.source): \(failure.reason)")
        }
        remembered = path == nil ? model?.provenance.inventory ?? .empty : .empty
    }

    /// What a text names.
    struct Named {
        var targets: [QuarantineTarget]
        /// The workload of that name, or at the target; nil: none is known.
        var workload: String?
        /// The addresses of each replica of the workload that was named; empty for a target.
        var replicas: [String] = []
    }

    /// The targets of the named workload, or the target and the workload at its address.
    ///
    /// - Throws: `ValidationError` if there is none.
    func resolve(_ text: String) throws -> Named {
        let inventories = [live.inventory, remembered]
        if let target = QuarantineTarget(text) {
            let workload = target.prefix.flatMap { prefix in
                inventories.lazy.compactMap { $0.workload(of: prefix.address) }.first
            }
            return Named(targets: [target], workload: workload?.name)
        }
        let workloads = inventories.lazy.flatMap(\.workloads)
        guard let workload = workloads.first(where: { $0.name == text }) else {
            throw ValidationError(
                "'\(text)' is no address, prefix, MAC address, port:NAME or known workload "
                    + "('lazaret inventory show' lists them)")
        }
        let wider = workload.addresses.filter { !$0.isHost }.map { "\($0)" }
        let replicas = workload.members.map { replica in
            replica.addresses.map { "\($0)" }.joined(separator: " and ")
        }
        return Named(
            targets: workload.addresses.map(QuarantineTarget.prefix), workload: workload.name,
            replicas: wider + replicas)
    }
}
