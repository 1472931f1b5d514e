public import AnomalyModel
public import FeatureExtraction
import Workloads

/// Rules out windows of one tracker that no judge would report, before they are complete: most lie
/// within the clean range of their workload, and show no sign that needs no baseline.
public struct WindowScreen: Sendable {
    private let model: Model
    private let feedback: FeedbackBook
    let judgesMinutes: Bool
    private var comparisons = Comparisons()
    private var ordinary = (count: 0, second: Int.min)

    public init(model: Model) {
        self.model = model
        feedback = FeedbackBook(model.feedback)
        judgesMinutes = model.minutes != nil
    }

    /// What a window is compared with; nil if the model has no group for it.
    mutating func comparison(of window: Window, _ identity: Identity) -> Comparison? {
        comparisons.of(window, identity, model, feedback)
    }

    /// Whether the window that `nextValues` of a tracker has returned last need not be judged.
    ///
    /// - Parameter tracker: passed in place, since a copy costs more than the comparison.
    public mutating func rulesOut(_ tracker: inout WindowTracker) -> Bool {
        guard comparisons.ruleOut(&tracker, model, feedback, judgesMinutes: judgesMinutes) else {
            return false
        }
        ordinary.count += 1
        ordinary.second = tracker.window.endSecond
        return true
    }

    /// The windows ruled out since a count was taken last, and the second with which the last one
    /// ends; nil if they are fewer than `least`.
    public mutating func takeCount(ifAtLeast least: Int = 1) -> (count: Int, second: Int)? {
        guard ordinary.count >= least else { return nil }
        defer { ordinary.count = 0 }
        return ordinary
    }
}

extension Detector {
    /// Counts windows that were ruled out and end by `second`.
    public mutating func skip(_ windows: Int, until second: Int) {
        seenCount += windows
        seen.floods.advance(to: second)
    }

    /// Whether the window that `nextValues` of a tracker has returned last has nothing to report;
    /// if so, it counts as judged.
    public mutating func rulesOut(_ tracker: inout WindowTracker) -> Bool {
        guard screen.rulesOut(&tracker) else { return false }
        skip(1, until: tracker.window.endSecond)
        return true
    }
}
