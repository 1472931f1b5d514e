internal import NetworkAddresses
internal import Timestamps
internal import Workloads

extension LiveWorkloads {
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
