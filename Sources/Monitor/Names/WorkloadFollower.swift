internal import Workloads
internal import Timestamps

/// What goes on with other holders of addresses.
protocol WorkloadFollower: ~Copyable {
    mutating func apply(_ change: WorkloadChange, now: Timestamp)
}
