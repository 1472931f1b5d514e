internal import NetworkAddresses
internal import Timestamps
internal import Workloads

extension LiveWorkloads {
    /// The containers and pods that have or recently had an address; without an engine or cluster,
    /// the workloads of the inventory by their names.
    var containerIndex: ContainerIndex {
        guard directory.isLive else {
            return ContainerIndex(
                given.workloads.map {
                    ContainerIndex.Entry(id: "", name: $0.name, workload: $0.name)
                })
        }
        return ContainerIndex(
            directory.recentLeases().map { address, lease in
                let container = lease.container
                return ContainerIndex.Entry(
                    id: container.id, name: container.name,
                    workload: given.workload(of: address)?.name ?? container.workload)
            })
    }

    /// The workload that had an address at a time; nil if it has no name.
    ///
    /// An address may belong to another container by now, so the directory's leases come before its
    /// present owners.
    func name(of address: IPAddress, at time: Timestamp) -> String? {
        if let workload = given.workload(of: address) { return workload.name }
        if let lease = directory.lease(of: address, at: time) { return lease.container.workload }
        return directory.fixedHolder(of: address)?.workload
            ?? remembered.workload(of: address)?.name
    }
}
