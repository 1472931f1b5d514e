#if canImport(Glibc)
    import Glibc
#endif

/// The distribution of clean windows' scores: conformal p-values, and beyond the data a fitted
/// tail.
///
/// The clean windows are scored by forests that did not see them (cross-fitting over blocks of
/// time). Only the highest score of each subject and minute counts, since neighbouring windows
/// share their packets. Scores s are treated as y = -ln(1 - s); above the 90th percentile the
/// excesses follow a generalised Pareto distribution (Pickands 1975; Siffer et al. 2017), whose two
/// parameters come from probability-weighted moments (Hosking and Wallis 1987).
public struct Calibration: Sendable, Equatable {
    /// The length in seconds of a block, of which only the highest score of a subject counts.
    public static let blockSeconds = 60

    /// The highest clean scores of each subject and minute, in rising order; thinned to at most
    /// `keptLimit`.
    public internal(set) var scores: [Float]
    /// The number of these block maxima before thinning.
    public internal(set) var blockCount: Int
    /// Minutes of active subjects in a day at this node.
    public internal(set) var blocksPerDay: Double
    /// The start of the tail, in y.
    public internal(set) var tailStart: Double
    /// The share of blocks beyond `tailStart`.
    public internal(set) var tailShare: Double
    /// Scale and shape of the tail.
    public internal(set) var tailScale: Double
    public internal(set) var tailShape: Double

    static let keptLimit = 4096

    package init(
        scores: [Float], blockCount: Int, blocksPerDay: Double, tailStart: Double,
        tailShare: Double,
        tailScale: Double, tailShape: Double
    ) {
        self.scores = scores
        self.blockCount = blockCount
        self.blocksPerDay = blocksPerDay
        self.tailStart = tailStart
        self.tailShare = tailShare
        self.tailScale = tailScale
        self.tailShape = tailShape
    }

    /// Fits block maxima of clean scores.
    package init(blockMaxima: [Float], blocksPerDay: Double) {
        let sorted = blockMaxima.sorted()
        blockCount = sorted.count
        self.blocksPerDay = blocksPerDay
        let values = sorted.map(Self.stretched)
        let start = values.isEmpty ? 0 : values[min(values.count - 1, values.count * 9 / 10)]
        let excesses = values.filter { $0 > start }.map { $0 - start }
        tailStart = start
        tailShare = values.isEmpty ? 1 : max(Double(excesses.count), 1) / Double(values.count)
        (tailScale, tailShape) = Self.paretoFit(excesses)
        let stride = max(1, (sorted.count + Self.keptLimit - 1) / Self.keptLimit)
        // Thinned from the top, so the highest score is kept.
        scores = Swift.stride(from: sorted.count - 1, through: 0, by: -stride).map { sorted[$0] }
            .reversed()
    }

    static func stretched(_ score: Float) -> Double { -log(max(1 - Double(score), 1e-9)) }

    /// Scale and shape from probability-weighted moments, the shape limited to (-0.5, 0.5).
    static func paretoFit(_ excesses: [Double]) -> (scale: Double, shape: Double) {
        guard excesses.count >= 8 else {
            let mean = excesses.isEmpty ? 0.05 : excesses.reduce(0, +) / Double(excesses.count)
            return (max(mean, 0.02), 0)
        }
        let sorted = excesses.sorted()
        let count = Double(sorted.count)
        let b0 = sorted.reduce(0, +) / count
        var b1 = 0.0
        for (index, value) in sorted.enumerated() {
            b1 += value * (count - 1 - Double(index)) / (count - 1)
        }
        b1 /= count
        guard b0 > 0, b0 - 2 * b1 > 1e-12 else { return (max(b0, 0.02), 0) }
        let shape = min(max(2 - b0 / (b0 - 2 * b1), -0.5), 0.5)
        return (max(b0 * (1 - shape), 0.005), shape)
    }

    /// The probability that the highest score of a clean subject in a minute reaches `score`.
    public func pValue(_ score: Float) -> Double {
        let y = Self.stretched(score)
        guard y > tailStart else {
            // Conformal: (1 + number at least as high) / (1 + number).
            let below = scores.partitioningIndex { $0 >= score }
            return Double(1 + scores.count - below) / Double(1 + scores.count)
        }
        let ratio = (y - tailStart) / tailScale
        if abs(tailShape) < 1e-6 { return tailShare * exp(-ratio) }
        let base = 1 + tailShape * ratio
        return base <= 0 ? 0 : tailShare * pow(base, -1 / tailShape)
    }

    /// The score that clean traffic exceeds `perDay` times in a day, at this node's size.
    public func threshold(falseAlarmsPerDay perDay: Double) -> Float {
        let chance = min(perDay / max(blocksPerDay, 1e-9), 1)
        guard chance < tailShare else {
            let index = Int(Double(scores.count) * (1 - chance))
            return scores.isEmpty ? 0.5 : scores[min(max(index, 0), scores.count - 1)]
        }
        let ratio = tailShare / chance
        let excess =
            abs(tailShape) < 1e-6 ? log(ratio) : (pow(ratio, tailShape) - 1) / tailShape
        return Float(1 - exp(-(tailStart + tailScale * excess)))
    }
}

extension Array {
    /// The first index whose element satisfies `isRight`, in an array partitioned so that these
    /// come last.
    func partitioningIndex(_ isRight: (Element) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isRight(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
