import AnomalyModel
import AttackPatterns
public import FeatureExtraction
import IsolationForest
import SenderAttribution
import Workloads

/// Verdicts before the end of a second.
extension Detector {
    /// Judges a window whose last second has not ended; returns a verdict only if it is reason
    /// enough for a fence by itself. The whole window is judged at the end of its second.
    ///
    /// Only patterns are considered in which more packets make nothing better, and only on evidence
    /// that no later packet can take back: an owner whose address and MAC address were forged
    /// resets the flows after they were opened.
    public mutating func judgeEarly(_ window: Window) -> Verdict? {
        guard !omitted.contains(.early), !omitted.contains(.patterns), !window.isContested,
            window.evidence == .port || window.evidence == .handshake,
            window.takeover == nil, window.outage == nil
        else { return nil }
        let identity = identity(of: window)
        guard let comparison = comparison(of: window, identity),
            !comparison.amounts.contain(window.values)
        else { return nil }
        let scaleModel = model[window.scale]
        let transformed = RelativeVector.transformed(window.values, seconds: window.scale.seconds)
        let excess = RelativeVector.excess(transformed, over: comparison.baseline)
        guard scaleModel.covers(window),
            let found = pattern(in: window, excess), found.pattern.isPlainWithinSecond
        else { return nil }
        let row = RelativeVector.relative(transformed, to: comparison.baseline)
        let score = scaleModel.forest.score(row)
        guard score >= scaleModel.threshold || omitted.contains(.forest) else { return nil }
        let verdict = verdict(
            window, identity, (comparison.name, comparison.baseline), excess, row, score, found)
        guard verdict.level == .quarantine, verdict.isFarBeyond else { return nil }
        remember(window, identity, found.pattern, isFence: true)
        return verdict.settled()
    }
}

extension Pattern {
    /// Whether the packets of a part of a second show it as well as those of a whole one: scans,
    /// and connections that are opened and not used.
    fileprivate var isPlainWithinSecond: Bool {
        switch self {
        case .verticalScan, .horizontalScan, .nullScan, .finScan, .xmasScan, .maimonScan,
            .ackScan, .synAckScan, .invalidFlagsScan, .fragmentedScan, .arpSweep, .synFlood:
            true
        default: false
        }
    }
}
