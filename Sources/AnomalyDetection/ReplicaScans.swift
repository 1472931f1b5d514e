import AttackPatterns
import FeatureExtraction
import NetworkAddresses

/// Adds up the failed contacts of a workload's replicas: a scan that is spread over them stays
/// below the least amount of a scan at each.
struct ReplicaScans: Sendable {
    private static let workloadLimit = 4096
    private static let memberLimit = 256
    /// The least number of failed contacts of all replicas.
    private static let leastFailed: Float = 10

    private struct Member {
        var second: Int
        var failed: Float
        var ports: Float
        var peers: Float
    }

    private var workloads: [String: [IPAddress: Member]] = [:]

    /// The scan that the replicas of a workload carry out together.
    struct Scan {
        var pattern: Pattern
        var strength: Float
        /// Failed contacts, and the number of replicas that had some.
        var failed: Float
        var replicas: Int

        func text(workload: String, seconds: Int) -> String {
            "\(Explanation.fixed(failed, digits: 0)) failed contacts that the baseline never used,"
                + " by \(replicas) replicas of \(workload) in \(seconds) s"
        }
    }

    /// Notes a replica's window of ten minutes.
    ///
    /// - Returns: nil unless at least two replicas have failed contacts that are new to the
    ///   baseline, and together enough of them for a scan.
    mutating func note(_ window: Window, workload: String) -> Scan? {
        guard window.scale == .long, window[.newEdgeFailed] >= 1 else { return nil }
        if workloads.count > Self.workloadLimit { workloads.removeAll() }
        var members = workloads[workload] ?? [:]
        if members.count > Self.memberLimit { members.removeAll() }
        members = members.filter { window.endSecond - $0.value.second <= Scale.medium.seconds }
        members[window.subject] = Member(
            second: window.endSecond, failed: window[.newEdgeFailed], ports: window[.newPorts],
            peers: window[.newPeers])
        workloads[workload] = members
        let failed = members.values.reduce(0) { $0 + $1.failed }
        guard members.count >= 2, failed >= Self.leastFailed else { return nil }
        let ports = members.values.reduce(0) { $0 + $1.ports }
        let peers = members.values.reduce(0) { $0 + $1.peers }
        return Scan(
            pattern: ports >= peers ? .verticalScan : .horizontalScan,
            strength: failed / Self.leastFailed, failed: failed, replicas: members.count)
    }
}
