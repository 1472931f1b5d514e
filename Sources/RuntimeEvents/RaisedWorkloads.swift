public import Timestamps

/// How much less evidence an anomaly of a workload needs after a runtime event.
public struct RuntimePrior: Sendable, Equatable {
    /// For how long after an event.
    public var duration = Interval.seconds(600)
    /// The least urgent events that count.
    public var least = RuntimeEvent.Priority.warning
    /// What the line of the evidence over minutes is divided by; 1: it stays.
    public var factor = 10

    /// The most seconds of a day in which the line of one workload is lower: a rule that fires all
    /// day must not use up the false-alarm budget.
    public static let mostSecondsOfDay = 7200
    /// The lowest line that remains.
    public static let lowestLine = 20.0

    public init() {}
}

/// The workloads of which a runtime event was seen lately.
public struct RaisedWorkloads: Sendable {
    private struct Span: Sendable {
        var start: Int
        var end: Int
        /// The first second of the current day of this workload, and the seconds used in it.
        var day: Int
        var used = 0
    }

    private static let mostWorkloads = 4096

    private let prior: RuntimePrior
    private var spans: [String: Span] = [:]

    public init(_ prior: RuntimePrior = RuntimePrior()) { self.prior = prior }

    /// Notes an event of a workload. Any number of events in the same time have the effect of one.
    public mutating func note(_ event: RuntimeEvent, of workload: String) {
        guard event.priority.isAtLeast(prior.least), prior.factor > 1 else { return }
        let second = event.last.second
        if spans[workload] == nil, spans.count >= Self.mostWorkloads {
            spans = spans.filter { second - $0.value.day < 86_400 }
            guard spans.count < Self.mostWorkloads else { return }
        }
        var span = spans[workload] ?? Span(start: second, end: second, day: second)
        if second - span.day >= 86_400 { (span.day, span.used) = (second, 0) }
        let isOver = second > span.end
        let begin = isOver ? second : span.end
        let wanted = max(second + prior.duration.wholeSeconds - begin, 0)
        let granted = min(wanted, RuntimePrior.mostSecondsOfDay - span.used)
        if isOver { span.start = second }
        span.end = begin + granted
        span.used += granted
        spans[workload] = span
    }

    /// The line of evidence for a workload at a second.
    ///
    /// - Parameter line: that of the false-alarm budget.
    public func line(_ line: Double, of workload: String, at second: Int) -> Double {
        guard !spans.isEmpty, let span = spans[workload], second >= span.start, second < span.end
        else { return line }
        return max(line / Double(prior.factor), min(line, RuntimePrior.lowestLine))
    }
}
