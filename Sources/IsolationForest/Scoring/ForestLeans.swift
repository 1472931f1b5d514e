/// Which way an operator's answers lean, for each leaf of a forest: *an anomaly*, or *benign*.
///
/// This is active anomaly discovery (Das et al. 2016) with an additive, bounded term. In each tree,
/// every answer moves the lean of the leaf that its row reaches by `step`: up for an anomaly, down
/// for benign, within −1 and 1. The lean of a row is the mean over the trees of those of the leaves
/// that it reaches, so similar rows move together: they share leaves with an answered row. Rows are
/// shown in the order of their score plus `weight` times their lean.
///
/// - Bound: no answers move a row by more than `weight`, and none passes a row whose score is
///   higher by more than two times that.
/// - Benign answers excuse no greater anomaly: in a leaf, they count only for a row whose path is
///   at least the shortest of a row that was answered so. A row that is isolated earlier than those
///   in every tree is not lowered.
/// - The leans are a function of the set of answers: neither their order nor what was answered and
///   withdrawn matters, bit for bit.
public struct ForestLeans: Sendable, Equatable {
    /// An answer to a row.
    public struct Answer: Sendable, Equatable {
        /// `[columnCount]`
        public var row: [Float]
        public var isAnomaly: Bool

        public init(row: [Float], isAnomaly: Bool) {
            self.row = row
            self.isAnomaly = isAnomaly
        }
    }

    /// What a lean of 1 adds to the score where rows are ordered.
    public static var weight: Float { 0.2 }
    /// By how much one answer moves a leaf.
    public static var step: Float { 0.5 }

    /// By leaf that an answered row reaches: at most the answers times the trees, and no more than
    /// the forest has leaves.
    private var leaves: [Int32: Leaf] = [:]
    /// The number of answers that they rest on.
    public let answerCount: Int
    private let step: Float

    private struct Leaf: Sendable, Equatable {
        var anomalies = 0
        var benign = 0
        /// The shortest path of a row that was answered as benign.
        var shortestBenign = Float.infinity

        /// Benign answers count only for a row that is isolated no earlier than theirs.
        func lean(path: Float, step: Float) -> Float {
            let excusing = path >= shortestBenign ? benign : 0
            return min(max(Float(anomalies - excusing) * step, -1), 1)
        }
    }

    /// The leans by `answers` to rows of `forest`.
    ///
    /// - Parameter step: by how much one answer moves a leaf.
    /// - Complexity: O(answers × trees × (height + boxes on the path × columns)).
    public init(_ answers: [Answer], of forest: IsolationForest, step: Float = Self.step) {
        var leaves: [Int32: Leaf] = [:]
        for answer in answers {
            forest.forEachLeaf(answer.row) { number, path in
                var leaf = leaves[number, default: Leaf()]
                if answer.isAnomaly {
                    leaf.anomalies += 1
                } else {
                    leaf.benign += 1
                    leaf.shortestBenign = min(leaf.shortestBenign, path)
                }
                leaves[number] = leaf
            }
        }
        self.leaves = leaves
        answerCount = answers.count
        self.step = step
    }

    /// The lean of a row, −1 (benign) to 1 (an anomaly); 0 without answers.
    ///
    /// - Parameters:
    ///   - row: `[columnCount]`.
    ///   - forest: the one that the leans are of.
    /// - Complexity: O(trees × (height + boxes on the path × columns)).
    public func lean(of row: [Float], in forest: IsolationForest) -> Float {
        guard !leaves.isEmpty else { return 0 }
        var sum: Float = 0
        forest.forEachLeaf(row) { sum += leaves[$0]?.lean(path: $1, step: step) ?? 0 }
        return min(max(sum / Float(forest.treeCount), -1), 1)
    }
}

extension IsolationForest {
    /// Calls `body` with the number of the leaf that a row reaches in each tree, and its path.
    fileprivate func forEachLeaf(_ row: [Float], _ body: (Int32, Float) -> Void) {
        unsafe withWalker(reading: row.span) { walker, copy in
            unsafe walker.forEachLeaf(copy) { body(Int32($0), $1) }
        }
    }
}
