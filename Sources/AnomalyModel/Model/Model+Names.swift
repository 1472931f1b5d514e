import FeatureExtraction
import NetworkAddresses

extension Model {
    /// The name under which addresses are shown that are no workloads.
    public static let forgedName = "addresses that may be forged"

    /// The name under which a workload is shown: addresses that have neither a name nor a baseline,
    /// and of which nothing but the source address proves that they exist, have one in common.
    public func shownName(of workload: String, mayBeForged: Bool) -> String {
        guard mayBeForged, IPAddress(workload) != nil,
            self[.medium].baseline.groups[workload] == nil
        else { return workload }
        return Self.forgedName
    }
}
