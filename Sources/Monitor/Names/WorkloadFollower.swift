internal import Workloads

/// What goes on with other holders of addresses.
protocol WorkloadFollower: ~Copyable {
    mutating func apply(_ change: WorkloadChange, now: Int64)
}
