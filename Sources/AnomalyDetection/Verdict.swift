public import AttackPatterns
public import FeatureExtraction
public import Indicators
public import NetworkAddresses
public import RuntimeEvents

/// An anomalous window, and the reasons.
public struct Verdict: Sendable {
    /// The proposed reaction.
    public enum Level: Int, Sendable, Comparable {
        case watch, quarantine

        public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    /// One feature that made the window anomalous.
    public struct Reason: Sendable {
        public var feature: Feature
        /// Raw value in the window.
        public var value: Float
        /// Raw values of the baseline's clean windows.
        public var baselineMedian: Float
        public var baselineP99: Float
        public var baselineLargest: Float
        /// Its share of the path's shortening, 0...1.
        public var share: Float
        /// The reason as a sentence.
        public var text: String
    }

    @Boxed public var window: Window
    /// The workload's name, `outside`, or the address.
    public var workload: String
    /// Whether the subject is in the inventory or the baseline.
    public var isKnown: Bool
    /// The group whose baseline was used.
    public var baselineName: String
    public var score: Float
    public var pValue: Double
    public var threshold: Float
    public var pattern: Pattern?
    /// The strength in multiples of the pattern's least amount.
    public var strength: Float
    /// The sum, over the most anomalous features, of the resolutions beyond the clean range.
    public var excess: Float
    public var level: Level
    /// Whether one such window is enough to act on.
    public var isFarBeyond: Bool
    /// What the reasons rest on.
    var grounds: Grounds
    /// A text that precedes the reasons, with the numbers of the first; nil: none.
    var headline: String?
    /// What a target received, in a verdict on packets whose senders are not known, or are many;
    /// the subject is then unspecified.
    public var against: TargetWindow? { received?.wrappedValue }
    var received: Boxed<TargetWindow>?
    /// The evidence of the minutes before, if they raised this verdict; nil: this window alone did.
    public var running: RunningEvidence?

    /// The seconds of the newest bucket whose traffic it rests on; nil: the window's newest.
    var newestTraffic: ClosedRange<Int>?

    /// The name of the workload that it acts on; nil: it has none.
    public private(set) var targetName: String?
    /// All addresses that it acts on, with their names, of many the last; the first is that of
    /// `attacked`.
    public private(set) var targets: [AttackTarget.Host] = []

    /// What lists of indicators say of the addresses and the name that it is about.
    public var indicators: [IndicatorHit] = []

    /// What was said of the workload's processes before and in the window, the earliest first.
    public var runtimeEvents: [RuntimeEvent] = []
    /// The one of them for which the alert is more urgent; nil: none.
    public var raisedBy: RuntimeEvent?

    public var subject: IPAddress { window.subject }

    /// Sets the names of those that it acts on.
    package mutating func nameTargets(_ name: (IPAddress) -> String?) {
        targets = attackedAddresses.map { AttackTarget.Host(address: $0, workload: name($0)) }
        targetName = targets.first?.workload
    }

    /// The anomalous features, those with the greatest weight first.
    ///
    /// - Complexity: that of an attribution by the forest, for each call.
    public var reasons: [Reason] {
        let reasons = grounds.reasons
        guard let headline, var first = reasons.first else { return reasons }
        first.text = headline
        return [first] + reasons
    }

    /// The alert's headline: the subject, the pattern and the amount.
    public var summary: String { summary(reasons) }

    /// The same, for `reasons` that were asked for already.
    public func summary(_ reasons: [Reason]) -> String {
        let title =
            (pattern?.title ?? "unusual traffic")
            + (running.map { " over \($0.minutes) min" } ?? "")
        return reasons.first.map { "\(title): \($0.text)" } ?? title
    }
}
