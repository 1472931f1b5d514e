import FeatureExtraction
import NetworkAddresses

/// How many more conversations the replicas of each workload have than in any clean ten minutes.
struct ReplicaRates: Sendable {
    private static let workloadLimit = 4096
    private static let memberLimit = 256
    /// The share of a replica's growth that another one needs to have grown as well.
    private static let alike: Float = 0.7

    private var workloads: [String: [IPAddress: (second: Int, growth: Float)]] = [:]

    /// Notes a replica's window of ten minutes.
    ///
    /// - Returns: whether at least half of the other replicas grew as much.
    mutating func note(_ window: Window, workload: String, growth: Float) -> Bool {
        if workloads.count > Self.workloadLimit { workloads.removeAll() }
        var members = workloads[workload] ?? [:]
        if members.count > Self.memberLimit { members.removeAll() }
        members[window.subject] = (window.endSecond, growth)
        workloads[workload] = members
        let others = members.filter {
            $0.key != window.subject
                && abs(window.endSecond - $0.value.second) <= 2 * Scale.medium.seconds
        }
        let grown = others.values.count { $0.growth >= Self.alike * growth }
        return grown > 0 && grown * 2 >= others.count
    }
}
