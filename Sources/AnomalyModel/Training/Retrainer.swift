public import FeatureExtraction
import NetworkAddresses
public import Workloads
public import Timestamps

/// Adapts to traffic that changes slowly: keeps a reservoir of windows that raised no alert, and
/// computes new baselines from it, within bounds that a patient attacker cannot move.
///
/// A flagged subject is left out for a while. The other windows may widen a clean range by one step
/// of each feature beyond the *anchor*, the model that the operator trained, however often it is
/// retrained: slow growth gains one step in total. Contacts are never learned this way; feedback is
/// for that.
public struct Retrainer: Sendable {
    /// Seconds after a verdict in which no window of its subject is learned.
    public static let quarantineSeconds = 600
    /// The greatest distance of a clean range beyond the anchor's, in steps (resolutions).
    public static let boundSteps: Float = 1

    private let anchor: Model
    private let inventory: Inventory
    private var trainer: Trainer
    private var flaggedUntil: [IPAddress: Int] = [:]

    /// The number of windows learned, and left out, since the start.
    public private(set) var learnedCount = 0
    public private(set) var leftOutCount = 0

    public init(anchor: Model, inventory: Inventory, seed: UInt64) {
        self.anchor = anchor
        self.inventory = inventory
        trainer = Trainer(inventory: inventory, seed: seed, learnsTime: false)
    }

    /// Adds a window, unless its subject is or was recently flagged.
    public mutating func observe(_ window: Window, isFlagged: Bool) {
        let subject = window.subject
        if isFlagged {
            if flaggedUntil.count > 65_536 {
                flaggedUntil = flaggedUntil.filter { $0.value > window.endSecond }
            }
            flaggedUntil[subject] = window.endSecond + Self.quarantineSeconds
        }
        if let until = flaggedUntil[subject] {
            guard window.startSecond > until else {
                leftOutCount += 1
                return
            }
            flaggedUntil[subject] = nil
        }
        if trainer.observe(window) { learnedCount += 1 }
    }

    /// Returns a model of the learned windows, within the anchor's bounds.
    ///
    /// - Throws: `.tooLittleData` if no window was learned.
    public func model(last: Timestamp) throws(ModelError) -> Model {
        var provenance = anchor.provenance
        provenance.last = max(provenance.last, last)
        var made = try trainer.finish(graph: anchor.graph, provenance: provenance)
        for scale in Scale.allCases {
            made.scales[scale.rawValue].baseline = bounded(
                made[scale].baseline, by: anchor[scale].baseline)
        }
        made.inherit(from: anchor)
        return made.identified()
    }

    private func bounded(_ new: ScaleBaseline, by anchor: ScaleBaseline) -> ScaleBaseline {
        // A group without new windows keeps its baseline.
        var groups = anchor.groups
        let node = anchor.groups[ScaleBaseline.node]
        for (name, group) in new.groups {
            guard let bound = anchor.groups[name] ?? node else { continue }
            groups[name] = group.bounded(by: bound)
        }
        return ScaleBaseline(groups: groups)
    }
}

extension GroupBaseline {
    /// Returns this baseline with clean ranges at most `Retrainer.boundSteps` beyond those of
    /// `anchor`, and none narrower: a quiet week is no reason to forget.
    func bounded(by anchor: GroupBaseline) -> GroupBaseline {
        var bounded = self
        for description in FeatureSchema.table {
            let column = description.feature.rawValue
            let limit = anchor.largest[column] + Retrainer.boundSteps * description.resolution
            bounded.largest[column] = max(anchor.largest[column], min(largest[column], limit))
            bounded.p99[column] = min(p99[column], bounded.largest[column])
            bounded.median[column] = min(median[column], bounded.p99[column])
        }
        return bounded
    }
}
