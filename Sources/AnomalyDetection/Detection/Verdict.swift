public import FeatureExtraction
public import NetworkAddresses

/// An odd window, and why.
public struct Verdict: Sendable {
    /// What should come of it.
    public enum Level: Int, Sendable, Comparable {
        case watch, quarantine

        public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }
    }

    /// One feature that made the window odd.
    public struct Reason: Sendable {
        public var feature: Feature
        /// Raw value in the window.
        public var value: Float
        /// Raw values of the baseline's clean windows.
        public var baselineMedian: Float
        public var baselineP99: Float
        public var baselineLargest: Float
        /// Its part of the shortened path, 0...1.
        public var share: Float
        /// A sentence.
        public var text: String
    }

    public var window: Window
    /// Workload, `outside`, or the address.
    public var workload: String
    /// Whether the inventory or the baseline knows the subject.
    public var isKnown: Bool
    /// The group whose baseline was used.
    public var baselineName: String
    public var score: Float
    public var pValue: Double
    public var threshold: Float
    public var pattern: Pattern?
    /// Multiples of the least that makes the pattern.
    public var strength: Float
    /// How many resolutions the oddest features lie beyond the clean range, summed.
    public var excess: Float
    public var level: Level
    /// Whether one such window is enough to act on.
    public var isFarBeyond: Bool
    public var reasons: [Reason]

    public var subject: IPAddress { window.subject }

    /// The alert's headline: who, what, in numbers.
    public var summary: String {
        let title = pattern?.title ?? "unusual traffic"
        return reasons.first.map { "\(title): \($0.text)" } ?? title
    }
}
