import AnomalyModel
import AttackPatterns
import FeatureExtraction
import IsolationForest
import Workloads

/// Amounts that are usual for a workload, and not at this time of the day or of the week.
extension Detector {
    /// The verdict on a window of 600 s by its time; nil if the training was shorter than three
    /// days, or if nothing is unusual.
    ///
    /// Such a verdict never leads to a fence: somebody may have moved a job to another hour.
    mutating func judgeTime(_ window: Window, _ identity: Identity) -> Verdict? {
        guard window.scale == .long, let times = model.times, !omitted.contains(.times),
            identity.place != .outside, !window.isContested, model[.long].covers(window)
        else { return nil }
        let workload = Self.feedbackName(workload: identity.name, subject: window.subject)
        let values = RelativeVector.transformed(window.values, seconds: window.scale.seconds)
        let excess = times.excess(
            of: identity.name, values, second: window.endSecond,
            allowed: feedback.allowed(for: workload, scale: window.scale))
        guard !excess.isEmpty, !isReported(window, identity, shorterOnly: true),
            let group = model[.long].baseline.group(of: identity, scale: .long)
        else { return nil }
        let unusual = Set(excess.map(\.feature))
        let pattern =
            omitted.contains(.patterns) ? nil : Pattern.match(window) { unusual.contains($0) }
        remember(window, identity, pattern?.pattern)
        return watched(
            window, identity, group, pattern: pattern,
            pValue: 1 / Double(times.cycleCount(at: window.endSecond) + 1),
            excess: excess.prefix(4).reduce(0) { $0 + $1.steps }
        ) { shares in
            excess.map {
                reason($0, window, group.baseline, times, share: shares[$0.feature.rawValue])
            }
        }
    }

    /// The verdict on a window of 600 s that another comparison than that with the steps beyond the
    /// clean range has raised: it never leads to a fence.
    ///
    /// - Parameters:
    ///   - pValue: nil: that of the forest's score.
    ///   - reasons: gets each feature's share of the score.
    func watched(
        _ window: Window, _ identity: Identity, _ group: (name: String, baseline: GroupBaseline),
        pattern: (pattern: Pattern, strength: Float)?, pValue: Double?, excess: Float,
        reasons: ([Float]) -> [Verdict.Reason]
    ) -> Verdict {
        let scaleModel = model[window.scale]
        let values = RelativeVector.transformed(window.values, seconds: window.scale.seconds)
        var shares = [Float](repeating: 0, count: Feature.count)
        let score = scaleModel.forest.attribute(
            RelativeVector.relative(values, to: group.baseline), into: &shares)
        return Verdict(
            window: window, workload: identity.name,
            isKnown: identity.isNamed || scaleModel.baseline.groups[identity.name] != nil,
            baselineName: group.name, score: score,
            pValue: pValue ?? scaleModel.calibration.pValue(score),
            threshold: min(score, scaleModel.threshold), pattern: pattern?.pattern,
            strength: pattern?.strength ?? 0, excess: excess, level: .watch, isFarBeyond: false,
            grounds: .stated(reasons(shares)))
    }

    private func reason(
        _ excess: TimeModel.Excess, _ window: Window, _ baseline: GroupBaseline, _ times: TimeModel,
        share: Float
    ) -> Verdict.Reason {
        let column = excess.feature.rawValue
        let description = FeatureSchema.description(of: excess.feature)
        let seconds = window.scale.seconds
        let limit = description.raw(excess.limit, seconds: seconds)
        return Verdict.Reason(
            feature: excess.feature, value: window[excess.feature],
            baselineMedian: description.raw(baseline.median[column], seconds: seconds),
            baselineP99: min(limit, description.raw(baseline.p99[column], seconds: seconds)),
            baselineLargest: limit, share: share,
            text: Explanation.amount(window[excess.feature], description, window)
                + " \(description.counts) in \(seconds) s; usual from "
                + "\(times.hours(at: window.endSecond)): at most "
                + Explanation.number(limit, description))
    }
}
