internal import Workloads
internal import Timestamps

/// A pipeline that applies changes of address holders.
protocol WorkloadObserver: ~Copyable {
    mutating func apply(_ change: WorkloadChange, now: Timestamp)
}
