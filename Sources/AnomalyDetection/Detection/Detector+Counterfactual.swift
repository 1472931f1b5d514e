public import FeatureExtraction
import IsolationForest
public import NetworkAddresses

extension Detector {
    /// What would have to be different in an odd window for it to be none.
    public struct Counterfactual: Sendable {
        /// One feature, from what it was to the most that it may be, raw.
        public struct Change: Sendable {
            public var feature: Feature
            public var from: Float
            public var to: Float
            /// The largest of the baseline's clean windows.
            public var baselineLargest: Float
        }

        public var changes: [Change]
        /// The score before and after.
        public var scoreBefore: Float
        public var scoreAfter: Float
        public var threshold: Float
        /// Whether nothing lies a step beyond the clean range any more; then the score does not
        /// matter.
        public var isWithinRange: Bool
    }

    /// The baseline that windows of `subject` are compared with, and how many windows it learnt.
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

    /// The smallest change that makes a window a normal one, found by scoring changed windows: the
    /// features that tell most go back into their clean range one by one until the window is none
    /// that is odd, those that were not needed stay, and the rest goes back only as far as it must.
    ///
    /// - Returns: nil where the window is not odd as it is.
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

    func transformed(_ values: [Float]) -> [Float] {
        RelativeVector.transformed(values, seconds: seconds)
    }

    func excess(_ row: [Float]) -> [Float] { RelativeVector.excess(row, over: group) }

    func score(_ row: [Float]) -> Float {
        part.forest.score(RelativeVector.relative(row, to: group))
    }

    func isAnomalous(_ row: [Float]) -> Bool {
        excess(row).contains { $0 >= 1 } && score(row) >= part.threshold
    }

    /// Where the clean range of each column ends.
    func cleanEnds(_ row: [Float]) -> [Float] {
        FeatureSchema.table.map { description in
            let column = description.feature.rawValue
            return min(row[column], max(group.largest[column], description.ordinary))
        }
    }

    /// Columns beyond the clean range, the most telling first.
    func columnsByWeight(_ row: [Float]) -> [Int] {
        var shares: [Float] = []
        _ = part.forest.attribute(RelativeVector.relative(row, to: group), into: &shares)
        let excess = excess(row)
        return excess.indices.filter { excess[$0] > 0 }.sorted {
            (shares[$1] * excess[$1], $0) < (shares[$0] * excess[$0], $1)
        }
    }

    /// The row with one column moved back towards `end` as far as the window stays a normal one;
    /// counts stay whole, shares keep two digits.
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
