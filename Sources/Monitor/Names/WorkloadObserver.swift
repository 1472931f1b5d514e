internal import Workloads
internal import Timestamps

/// What goes on with other holders of addresses.
protocol WorkloadObserver: ~Copyable {
    mutating func apply(_ change: WorkloadChange, now: Timestamp)
}
