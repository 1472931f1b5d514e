import AnomalyModel
import AttackPatterns
import FeatureExtraction
import IsolationForest
import NetworkAddresses
import SenderAttribution
import Workloads

/// Verdicts that need no baseline.
extension Detector {
    /// The verdict on a takeover or an outage. A takeover is fenced only where the port is the
    /// evidence: a host can write any MAC address into an announcement.
    func ruleVerdict(
        _ window: Window, _ identity: Identity, _ group: (name: String, baseline: GroupBaseline),
        _ excess: [Float], _ found: (pattern: Pattern, strength: Float)
    ) -> Verdict? {
        let pattern = found.pattern
        let name = Self.feedbackName(workload: identity.name, subject: window.subject)
        guard !feedback.excuses(pattern, of: name), let text = pattern.ruleText(of: window) else {
            return nil
        }
        var judged = window
        if pattern.isTakeover, let takeover = window.takeover {
            judged.evidence = takeover.evidence
        }
        let mayFence =
            pattern.mayFence && judged.evidence == .port && !window.isContested
        let scaleModel = model[window.scale]
        let reason = pattern.ruleReason(text, judged, group.baseline)
        return Verdict(
            window: judged,
            workload: window.isContested ? identity.name + Self.contestedSuffix : identity.name,
            isKnown: identity.isNamed || scaleModel.baseline.groups[identity.name] != nil,
            baselineName: group.name, score: 1, pValue: scaleModel.calibration.pValue(1),
            threshold: scaleModel.threshold, pattern: pattern, strength: found.strength,
            excess: max(Self.farBeyond, excess.sorted(by: >).prefix(4).reduce(0, +)),
            level: mayFence ? .quarantine : .watch, isFarBeyond: mayFence,
            grounds: .stated([reason]))
    }

    /// The verdict on a scan that goes on for longer than a window. Its probes raise alerts by
    /// themselves, as contacts never seen before; together they are no reason for a fence.
    mutating func slowVerdict(
        _ window: Window, _ identity: Identity, _ group: (name: String, baseline: GroupBaseline),
        _ excess: [Float], _ scan: SlowScans.Scan
    ) -> Verdict {
        let scaleModel = model[window.scale]
        let transformed = RelativeVector.transformed(window.values, seconds: window.scale.seconds)
        let row = RelativeVector.relative(transformed, to: group.baseline)
        let score = scaleModel.forest.score(row)
        remember(window, identity, .verticalScan)
        var verdict = verdict(
            window, identity, group, excess, row, score, (.verticalScan, scan.strength))
        verdict.level = .watch
        verdict.isFarBeyond = false
        verdict.headline = scan.text
        return verdict
    }
}

extension Pattern {
    /// The reason of a pattern that needs no baseline.
    func ruleReason(
        _ text: String, _ window: Window, _ baseline: GroupBaseline
    ) -> Verdict.Reason {
        let description = FeatureSchema.description(of: measure)
        func raw(_ values: [Float]) -> Float {
            description.raw(values[measure.rawValue], seconds: window.scale.seconds)
        }
        return Verdict.Reason(
            feature: measure, value: window[measure], baselineMedian: raw(baseline.median),
            baselineP99: raw(baseline.p99), baselineLargest: raw(baseline.largest), share: 1,
            text: text)
    }
}
