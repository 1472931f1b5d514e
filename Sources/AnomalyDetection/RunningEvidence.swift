import AnomalyModel
import AttackPatterns
import FeatureExtraction
import NetworkAddresses

#if canImport(Glibc)
    import Glibc
#endif

/// Evidence from many minutes of one address, each of which may be ordinary by itself.
public struct RunningEvidence: Sendable, Equatable {
    /// Minutes that contributed.
    public var minutes: Int
    /// The decimal logarithm of the evidence.
    public var log10: Double
    /// The decimal logarithm of the line, which the false-alarm budget sets.
    public var lineLog10: Double

    public init(minutes: Int, log10: Double, lineLog10: Double) {
        self.minutes = minutes
        self.log10 = log10
        self.lineLog10 = lineLog10
    }

    /// The evidence in words: "6 minutes together: evidence 10^6.3, over the budget's line of
    /// 10^4.9".
    public var text: String {
        func number(_ value: Double) -> String { Explanation.fixed(Float(value), digits: 1) }
        return "\(minutes) minutes together: evidence 10^\(number(log10)), the budget's line is "
            + "10^\(number(lineLog10))"
    }

    /// Where the evidence lies on a scale from 0, none, over `lineShare` at the line, to 1.
    public var share: Float {
        Float(min(max(log10 / lineLog10, 0) * Double(Self.lineShare), 1))
    }

    /// The place of the line on that scale.
    public static let lineShare: Float = 0.5
}

/// Accumulates evidence: a Shiryaev–Roberts e-detector for each address (Shin, Ramdas and Rinaldo
/// 2024).
///
/// A minute with the p-value p multiplies the evidence by a factor whose expectation is at most 1
/// if the minute is clean, given the minutes before. Then the expected number of clean minutes
/// until the evidence M = (M + 1) × factor crosses a line A is at least A. At most a share of the
/// evidence is lost in a clean minute, so an attacker who pauses every other minute keeps most of
/// it.
struct EvidenceTable: Sendable {
    /// The greatest number of addresses: 100 bytes each. Beyond it, those with the least evidence
    /// are forgotten.
    static let limit = 65_536

    /// p-values at which the factor rises, each with the same weight.
    private static let levels = [0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001]
    /// The share of the evidence at stake in each minute.
    private static let stake = 0.75
    /// The greatest factor before the stake: no single minute crosses the line alone.
    private static let largestFactor = 200.0
    /// The evidence is limited to the line times this, and an alert ends below the line divided by
    /// `hysteresis`, so an incident is neither split nor endless.
    private static let roof = 10.0
    private static let hysteresis = 100.0

    /// An alert ends when no minute has raised the evidence for more than this many seconds: the
    /// attack is over, whatever is left of the evidence. Two clean minutes split no incident.
    private static let lingering = 180

    private struct Stream {
        var workload: String
        var progress: MinuteProgress
        /// The natural logarithm of the evidence.
        var log = -Double.infinity
        var minutes = 0
        var isOver = false
        /// The end of the last minute that raised the evidence.
        var raised = Int.min / 2

        /// The next alert needs as much evidence as the first.
        mutating func endAlert() {
            isOver = false
            log = -.infinity
            minutes = 0
        }
    }

    private var streams: [IPAddress: Stream] = [:]

    /// The number of addresses in the table.
    var count: Int { streams.count }

    /// Whether this window of 60 s closes a minute of its subject.
    mutating func closesMinute(_ window: Window, workload: String) -> Bool {
        if streams[window.subject]?.workload == workload {
            return streams[window.subject]?.progress.closes(at: window.endSecond) ?? false
        }
        if streams.count >= Self.limit { forget() }
        streams[window.subject] = Stream(
            workload: workload, progress: MinuteProgress(second: window.endSecond))
        return false
    }

    /// Adds a minute with the p-value `p`.
    ///
    /// - Parameters:
    ///   - budgetLine: the line without what makes it lower; nil: `line` is not lower.
    ///   - second: the end of the minute.
    /// - Returns: the evidence, if it is over the line.
    mutating func add(
        _ subject: IPAddress, p: Double, line: Double, budgetLine: Double? = nil, at second: Int
    ) -> RunningEvidence? {
        guard var stream = streams[subject] else { return nil }
        let factor = Self.factor(p)
        if stream.isOver, second - stream.raised > Self.lingering { stream.endAlert() }
        if factor > 1 { stream.raised = second }
        let before = max(stream.log, 0) + log1p(exp(-abs(stream.log)))
        let ceiling = log((budgetLine ?? line) * Self.roof)
        stream.log = min((stream.log.isFinite ? before : 0) + log(factor), ceiling)
        stream.minutes = stream.log > 0 ? stream.minutes + 1 : 0
        if stream.log >= log(line) {
            stream.isOver = true
        } else if stream.isOver, stream.log < log(line / Self.hysteresis) {
            stream.endAlert()
        }
        streams[subject] = stream
        return stream.isOver ? Self.evidence(stream, line) : nil
    }

    /// The end of the last minute that raised the evidence about an address.
    func lastRaised(_ subject: IPAddress) -> Int? { streams[subject]?.raised }

    /// The workload that an address had in its last minute.
    func workload(of subject: IPAddress) -> String? { streams[subject]?.workload }

    /// The evidence about an address; nil if no minute of it was seen.
    func evidence(of subject: IPAddress, line: Double) -> RunningEvidence? {
        streams[subject].flatMap { $0.log.isFinite ? Self.evidence($0, line) : nil }
    }

    private static func evidence(_ stream: Stream, _ line: Double) -> RunningEvidence {
        RunningEvidence(
            minutes: stream.minutes, log10: stream.log / log(10), lineLog10: log(line) / log(10))
    }

    /// The factor of a minute; its expectation is at most 1 if p is uniform or greater.
    static func factor(_ p: Double) -> Double {
        let sum = levels.reduce(0) { $0 + (p <= $1 ? 1 / $1 : 0) }
        return 1 - stake + stake * min(sum / Double(levels.count), largestFactor)
    }

    private mutating func forget() {
        let order = streams.sorted { ($1.value.log, $0.key) < ($0.value.log, $1.key) }
        streams = Dictionary(
            uniqueKeysWithValues: order.prefix(Self.limit / 2).map { ($0.key, $0.value) })
    }
}
