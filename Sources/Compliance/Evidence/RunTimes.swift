internal import Timestamps

/// When the monitor ran, by its counters: each row says since when it has been running.
struct RunTimes: Equatable {
    /// Parts of the period in which nothing shows that it ran, the earliest first; of many, the
    /// first ones.
    private(set) var gaps: [Range<Timestamp>] = []
    private(set) var gapCount = 0
    private(set) var covered = Interval.seconds(0)
    /// The number of rows, and their first and last time in the period.
    private(set) var rows: Int64 = 0
    private(set) var first: Timestamp?
    private(set) var last: Timestamp?
    /// The starts of the monitor in the period.
    private(set) var starts = 0
    /// Packets that the kernel dropped.
    private(set) var drops: Int64 = 0

    private let period: Range<Timestamp>
    /// The run that goes on at the last row.
    private var start: Timestamp?
    private var end: Timestamp
    private var dropsOfRun: Int64 = 0
    private var spacing = Interval.seconds(60)

    /// Two runs with less than this between them are one: a restart is no gap.
    private static let slack = Interval.seconds(120)
    /// How far the time of a start may differ between two rows of one run.
    private static let jitter = Interval.seconds(5)

    init(_ period: Range<Timestamp>) {
        self.period = period
        end = period.lowerBound
    }

    /// Adds a row; they come in the order of their times.
    mutating func add(_ time: Timestamp, uptime: Interval, drops count: Int64) {
        let began = time - uptime
        guard began < period.upperBound else { return }
        let isNewRun = start.map { began > $0 + Self.jitter } ?? true
        if isNewRun {
            if began >= period.lowerBound { starts += 1 }
            drops &+= dropsOfRun
            dropsOfRun = 0
            cover(from: began, to: time)
            start = began
        } else {
            spacing = max(spacing, time - end)
            cover(from: end, to: time)
        }
        guard time < period.upperBound else { return }
        rows += 1
        if first == nil { first = time }
        last = time
        // Those of a run that began before the period are not told apart.
        dropsOfRun = count
    }

    private mutating func cover(from: Timestamp, to: Timestamp) {
        if from > end + Self.slack { note(end..<from) }
        let (from, to) = (max(from, end), min(to, period.upperBound))
        guard to > from else { return }
        covered = covered + (to - from)
        end = to
    }

    private mutating func note(_ gap: Range<Timestamp>) {
        gapCount += 1
        if gaps.count < Evidence.gapLimit { gaps.append(gap) }
    }

    mutating func finish() {
        drops &+= dropsOfRun
        dropsOfRun = 0
        // The next row may still come.
        let patience = max(Self.slack, spacing + spacing)
        if end + patience < period.upperBound { note(end..<period.upperBound) }
    }
}
