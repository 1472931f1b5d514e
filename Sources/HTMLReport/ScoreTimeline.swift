/// The highest score of each workload in each bin of time. The bins double in length whenever there
/// would be too many, so an hour and a month need the same memory.
public struct ScoreTimeline: Sendable {
    /// The greatest number of bins.
    public static let binLimit = 480
    /// The greatest number of workloads; windows of further ones are counted in `droppedCount`.
    public static let lineLimit = 4096

    /// One workload.
    public struct Line: Sendable {
        /// The highest score of all windows by bin, 0...1; nil if it has none.
        public fileprivate(set) var scores: [Float?] = []
        /// The highest score of the anomalous windows by bin.
        public fileprivate(set) var odd: [Float?] = []

        /// The highest score of all.
        public var highest: Float { scores.lazy.compactMap { $0 }.max() ?? 0 }
    }

    public private(set) var lines: [String: Line] = [:]
    /// The start of the first bin, in seconds since 1970.
    public private(set) var firstSecond = 0
    /// The length of a bin in seconds.
    public private(set) var binSeconds = 1
    /// The number of bins so far.
    public private(set) var binCount = 0
    /// The number of windows of workloads beyond the limit.
    public private(set) var droppedCount = 0

    public init() {}

    /// Adds the score of a window that ended with `second`.
    public mutating func add(_ score: Float, isAnomalous: Bool, of workload: String, second: Int) {
        guard score.isFinite else { return }
        if binCount == 0 { firstSecond = second }
        var bin = max(0, second - firstSecond) / binSeconds
        while bin >= Self.binLimit {
            halve()
            bin = max(0, second - firstSecond) / binSeconds
        }
        binCount = max(binCount, bin + 1)
        guard lines[workload] != nil || lines.count < Self.lineLimit else {
            droppedCount += 1
            return
        }
        Self.raise(&lines[workload, default: Line()].scores, bin, score)
        if isAnomalous { Self.raise(&lines[workload, default: Line()].odd, bin, score) }
    }

    private static func raise(_ values: inout [Float?], _ bin: Int, _ score: Float) {
        if values.count <= bin {
            values += [Float?](repeating: nil, count: bin + 1 - values.count)
        }
        values[bin] = max(values[bin] ?? 0, score)
    }

    private mutating func halve() {
        func halved(_ values: [Float?]) -> [Float?] {
            stride(from: 0, to: values.count, by: 2).map { index in
                let pair = values[index..<min(index + 2, values.count)].compactMap { $0 }
                return pair.max()
            }
        }
        for (name, line) in lines {
            lines[name] = Line(scores: halved(line.scores), odd: halved(line.odd))
        }
        binSeconds *= 2
        binCount = (binCount + 1) / 2
    }

    /// The position of a time between the start of the first bin, 0, and the end of the last, 1.
    public func place(_ second: Int) -> Double {
        guard binCount > 0 else { return 0 }
        return min(max(Double(second - firstSecond) / Double(binCount * binSeconds), 0), 1)
    }

    /// Round times for an axis, at most `limit` of them.
    func ticks(limit: Int) -> [Int] {
        let length = max(binCount * binSeconds, 1)
        let step =
            [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200]
            .first { length / $0 <= limit } ?? (length / limit / 86_400 + 1) * 86_400
        let first = (firstSecond + step - 1) / step * step
        return Array(stride(from: first, through: firstSecond + length, by: step))
    }
}
