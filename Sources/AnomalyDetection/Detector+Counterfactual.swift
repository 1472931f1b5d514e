import AnomalyModel
public import FeatureExtraction
import IsolationForest
public import NetworkAddresses

extension Detector {
    /// What would have to be different in an anomalous window for it to be normal.
    public struct Counterfactual: Sendable {
        /// One feature, from its value to the greatest normal value; both raw.
        public struct Change: Sendable {
            public var feature: Feature
            public var from: Float
            public var to: Float
            /// The largest value in the baseline's clean windows.
            public var baselineLargest: Float
        }

        public var changes: [Change]
        /// The score before and after.
        public var scoreBefore: Float
        public var scoreAfter: Float
        public var threshold: Float
        /// Whether no feature lies a resolution or more beyond the clean range; then the score does
        /// not matter.
        public var isWithinRange: Bool
    }

    /// The baseline for windows of `subject`, and the number of windows it was computed from.
    public func baseline(
        of subject: IPAddress, scale: Scale
    ) -> (name: String, windowCount: Int)? {
        group(of: subject, scale: scale).map { ($0.name, $0.baseline.windowCount) }
    }

    /// Raw values of the most ordinary window of `subject`: the medians of its baseline.
    public func medianValues(of subject: IPAddress, scale: Scale) -> [Float]? {
        group(of: subject, scale: scale).map { group in
            FeatureSchema.table.map {
                $0.raw(group.baseline.median[$0.feature.rawValue], seconds: scale.seconds)
            }
        }
    }

    /// Finds the smallest change that makes a window normal by scoring changed windows. The
    /// features with the greatest weight are moved back to their clean range one by one until the
    /// window is normal. Changes that were not needed are then undone, and the others reduced as
    /// far as possible.
    ///
    /// - Returns: nil if the window is not anomalous.
    public func counterfactual(for window: Window) -> Counterfactual? {
        guard let group = group(of: window.subject, scale: window.scale)?.baseline else {
            return nil
        }
        let trial = Trial(part: model[window.scale], group: group, seconds: window.scale.seconds)
        let start = trial.transformed(window.values)
        guard trial.isAnomalous(start) else { return nil }
        let clean = trial.cleanEnds(start)
        var row = start
        var moved: [Int] = []
        for column in trial.columnsByWeight(start) where trial.isAnomalous(row) {
            row[column] = clean[column]
            moved.append(column)
        }
        for column in moved.dropLast() {
            var without = row
            without[column] = start[column]
            guard !trial.isAnomalous(without) else { continue }
            row = without
            moved.removeAll { $0 == column }
        }
        for column in moved { row = trial.relaxed(row, column, towards: start[column]) }
        let changes = moved.map { column in
            let description = FeatureSchema.table[column]
            func raw(_ value: Float) -> Float {
                description.raw(value, seconds: window.scale.seconds)
            }
            return Counterfactual.Change(
                feature: description.feature, from: window.values[column], to: raw(row[column]),
                baselineLargest: raw(group.largest[column]))
        }
        return Counterfactual(
            changes: changes, scoreBefore: trial.score(start), scoreAfter: trial.score(row),
            threshold: model[window.scale].threshold,
            isWithinRange: !trial.excess(row).contains { $0 >= 1 })
    }
}

/// Scores rows of one scale against one baseline.
private struct Trial {
    let part: Model.ScaleModel
    let group: GroupBaseline
    let seconds: Int

    func transformed(_ values: FeatureValues) -> [Float] {
        RelativeVector.transformed(values, seconds: seconds)
    }

    func excess(_ row: [Float]) -> [Float] { RelativeVector.excess(row, over: group) }

    func score(_ row: [Float]) -> Float {
        part.forest.score(RelativeVector.relative(row, to: group))
    }

    func isAnomalous(_ row: [Float]) -> Bool {
        excess(row).contains { $0 >= 1 } && score(row) >= part.threshold
    }

    /// The value of each column, limited to its clean range.
    func cleanEnds(_ row: [Float]) -> [Float] {
        FeatureSchema.table.map { description in
            let column = description.feature.rawValue
            return min(row[column], max(group.largest[column], description.ordinary))
        }
    }

    /// The columns beyond the clean range, the one with the greatest weight first.
    func columnsByWeight(_ row: [Float]) -> [Int] {
        var shares: [Float] = []
        part.forest.attribute(RelativeVector.relative(row, to: group), to: &shares)
        let excess = excess(row)
        return excess.indices.filter { excess[$0] > 0 }.sorted {
            (shares[$1] * excess[$1], $0) < (shares[$0] * excess[$0], $1)
        }
    }

    /// Returns the row with one column moved towards `end` as far as the window stays normal.
    /// Counts are rounded to whole numbers, shares to two digits.
    func relaxed(_ row: [Float], _ column: Int, towards end: Float) -> [Float] {
        let description = FeatureSchema.table[column]
        var best = row
        var (low, high) = (row[column], end)
        for _ in 0..<24 {
            var trial = row
            trial[column] = (low + high) / 2
            if isAnomalous(trial) { high = trial[column] } else { low = trial[column] }
        }
        let raw = description.raw(low, seconds: seconds)
        let step: Float = description.transform == .linear ? 100 : 1
        for value in [(raw * step).rounded(.down) / step, raw] {
            var trial = row
            trial[column] = description.transformed(value, seconds: seconds)
            if trial[column] >= row[column], !isAnomalous(trial) {
                best = trial
                break
            }
        }
        return best
    }
}
