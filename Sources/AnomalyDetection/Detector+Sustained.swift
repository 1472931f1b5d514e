import AnomalyModel
import AttackPatterns
import FeatureExtraction
import IsolationForest
import NetworkAddresses
import SenderAttribution
import Workloads

#if canImport(Glibc)
    import Glibc
#endif

/// Ten minutes with more conversations than any clean ten minutes had.
///
/// A step beyond the clean range, from which a window is anomalous by itself, is a factor of about
/// three for a busy host, and about a hundred flows for one that opens few. That much may happen
/// within seconds. Over ten minutes, amounts vary far less.
extension Detector {
    /// What counts conversations.
    private static let conversations: [Feature] = [.flows, .flowsPerEdge, .logins]
    /// Conversations on either side of the comparison that count as none: a host that opened one
    /// connection in ten minutes may open a few.
    private static let ordinary: Float = 5
    /// Of an outside address' connections, the share that must be short and of equal sizes.
    private static let equalShare: Float = 0.8
    /// Clean windows of ten minutes that a group needs.
    private static let leastWindows = 20

    /// The growth from which it is reported, by the budget: 2 at 10/day, 2.5 at 1/day, 2.9 at
    /// 1/week.
    static func leastGrowth(perDay: Double) -> Float {
        Float(min(max(2.5 - 0.5 * log10(max(perDay, 1e-9)), 2), 3))
    }

    /// The verdict on a window of 600 s by its conversations; nil if it has no more than clean
    /// ones, if those that it has more are failures, or if most replicas of its workload have as
    /// many.
    ///
    /// Such a verdict has no pattern and never leads to a fence: it may be a job that takes longer
    /// than usual. One outside address is compared with those of the training: a busy hour has more
    /// clients, not one client that is busier than any.
    mutating func judgeSustained(
        _ window: Window, _ identity: Identity, _ comparison: Comparison?
    ) -> Verdict? {
        guard window.scale == .long, let comparison, !omitted.contains(.sustained),
            comparison.baseline.windowCount >= Self.leastWindows, !window.isContested,
            identity.place != .outside || repeatsItself(window),
            model[.long].covers(window)
        else { return nil }
        let growths = growths(of: window, over: comparison.baseline)
        let most = growths.map(\.times).max() ?? 0
        let isShared =
            identity.isNamed && identity.place != .outside
            && seen.replicaRates.note(window, workload: identity.name, growth: most)
        guard most >= growthLimit, !isShared,
            !isReported(window, identity, shorterOnly: true)
        else { return nil }
        let unusual = growths.filter { $0.times >= growthLimit }
        remember(window, identity, nil)
        return watched(
            window, identity, (comparison.name, comparison.baseline), pattern: nil, pValue: nil,
            excess: unusual.reduce(0) { $0 + log($1.times) }
        ) { shares in
            unusual.sorted { $0.times > $1.times }.map {
                reason($0, window, comparison.baseline, share: shares[$0.feature.rawValue])
            }
        }
    }

    /// Whether an outside address that completed handshakes did nearly the same again and again, as
    /// a program does; many users behind one address do not.
    private func repeatsItself(_ window: Window) -> Bool {
        let opened = window[.flows] - Float(window.datagramFlows)
        return !window.evidence.mayBeForged
            && Float(window.equalConversations) >= Self.equalShare * max(opened, 1)
    }

    /// A count of conversations, and how many times the largest clean one it is.
    private struct Growth {
        var feature: Feature
        var times: Float
    }

    /// Failures are left out: they are an outage, or a scan, which has patterns of its own. So are
    /// flows of datagrams, which are thought to have failed first: a resolver asks what its clients
    /// ask, and datagrams without an answer hide nothing. So is the busiest minute: a burst is
    /// judged by shorter windows. What a host serves may grow, and what it opens with it.
    private func growths(of window: Window, over baseline: GroupBaseline) -> [Growth] {
        let datagrams = Float(window.datagramFlows)
        let opened = max(window[.flows] - datagrams, 0)
        let failed = max(window[.failed] - datagrams, 0)
        let answered = max(opened - failed - Float(window.burstFlows), 0)
        let seconds = window.scale.seconds
        return Self.conversations.compactMap { feature in
            let amount =
                switch feature {
                case .logins: window[feature] * answered / max(opened, 1)
                default: window[feature] * answered / max(window[.flows], 1)
                }
            guard amount > Self.ordinary else { return nil }
            let description = FeatureSchema.description(of: feature)
            let served = Feature.served.rawValue
            let demand =
                FeatureSchema.description(of: .served)
                .transformed(window[.served], seconds: seconds) - baseline.largest[served]
            let largest = description.raw(
                baseline.largest[feature.rawValue] + max(demand, 0), seconds: seconds)
            return Growth(
                feature: feature, times: (amount + Self.ordinary) / (largest + Self.ordinary))
        }
    }

    private func reason(
        _ growth: Growth, _ window: Window, _ baseline: GroupBaseline, share: Float
    ) -> Verdict.Reason {
        let column = growth.feature.rawValue
        let description = FeatureSchema.description(of: growth.feature)
        func raw(_ values: [Float]) -> Float {
            description.raw(values[column], seconds: window.scale.seconds)
        }
        return Verdict.Reason(
            feature: growth.feature, value: window[growth.feature],
            baselineMedian: raw(baseline.median), baselineP99: raw(baseline.p99),
            baselineLargest: raw(baseline.largest), share: share,
            text: Explanation.amount(window[growth.feature], description, window)
                + " \(description.counts) in \(window.scale.seconds) s; clean maximum "
                + Explanation.number(raw(baseline.largest), description))
    }
}
