/// An isolation forest over rows of `Float` (Liu, Ting, Zhou 2008 and 2012), with insertion-aware
/// scoring and an explanation of each score.
///
/// A forest is a value: fitted once, it never changes, and any number of threads may score with it.
/// The same rows and options give the same forest and the same scores, bit for bit, on any machine
/// and with any number of threads.
///
/// Values that are not ordinary numbers follow one rule, in training and in scoring: NaN means
/// "unknown" and counts as the column's median in the first tree's sample; infinities and anything
/// beyond ±2¹²⁴ count as ±2¹²⁴.
public struct IsolationForest: Sendable, Equatable {
    /// What a forest is grown with; every default is that of the papers.
    public struct Options: Sendable, Equatable {
        /// Trees in the forest, `1...65_535`; times the sample size, 2²⁹ at most.
        public var treeCount = 100
        /// Rows each tree is grown from, without replacement, `2...32_768`; fewer where there are
        /// fewer rows.
        public var sampleSize = 256
        /// Splits from the root to a leaf at most, `1...64`; nil is ⌈log₂ sample size⌉.
        public var heightLimit: Int?
        /// Columns each tree may split on, `1...columnCount`; nil is all of them.
        public var columnsPerTree: Int?
        /// The smallest difference that means anything, one per column and in its unit; empty is 0
        /// for every column.
        ///
        /// In a column that is constant in training any deviation is odd; the resolution says how
        /// large a deviation must be to count: one as large as the resolution counts half.
        public var resolution: [Float] = []
        /// Where the random numbers start.
        public var seed: UInt64
        /// Threads to grow trees on, at least 1; the forest does not depend on it.
        public var threadCount = 1

        public init(seed: UInt64) {
            self.seed = seed
        }
    }

    /// How a row is scored.
    public enum Scoring: Sendable, Equatable {
        /// The score of the papers: 2^(−mean path length / c(sample size)).
        case classic
        /// The mean path length is that of the row's own insertion into the trees, which also
        /// notices what lies outside of all that was seen in training.
        case insertionAware
    }

    /// Values in a row.
    public let columnCount: Int
    /// Rows each tree was grown from.
    public let sampleSize: Int
    /// Splits from the root to a leaf at most.
    public let heightLimit: Int

    /// The trees, one after the other; tree t is `treeStarts[t]..<treeStarts[t + 1]` of the nodes.
    let treeStarts: [Int32]
    /// By tree: splits from the root to its lowest leaf.
    let treeDepths: [UInt8]
    let nodes: [Node]
    /// By node: training rows that reached it.
    let rowCounts: [UInt16]
    /// By node: depth + c(rows) at a leaf, 0 elsewhere.
    let leafPaths: [Float]
    /// By node: the number of the nearest box at or above it, −1 where there is none.
    let boxNumbers: [Int32]
    /// By box: the number of the box above it in its tree, −1 where there is none.
    let boxParents: [Int32]
    /// By box: the depth of its node.
    let boxDepths: [Float]
    /// By box, vector after vector of the columns: centre, inverse and offset of `Box.scaled`.
    let boxes: [SIMD8<Float>]
    /// By box: half its extent.
    let boxHalves: [SIMD8<Float>]
    /// `Options.resolution`, then what NaN counts as, by column and padded with 0.
    let columns: [SIMD8<Float>]
    /// c(0) … c(`sampleSize`).
    let averages: [Float]

    /// Trees in the forest.
    public var treeCount: Int { treeStarts.count - 1 }
    /// Bytes of memory that the trees take.
    public var memoryByteCount: Int {
        nodes.count * (MemoryLayout<Node>.stride + 2 + 4 + 4) + treeCount * 5
            + (boxes.count + boxHalves.count + columns.count) * MemoryLayout<SIMD8<Float>>.stride
            + (averages.count + boxParents.count + boxDepths.count) * 4
    }

    /// Vectors of 8 that hold one row.
    var vectorCount: Int { (columnCount + 7) / 8 }

    /// Trees times sample size at most, so that 32 bits count the nodes.
    static var mostRows: Int { 1 << 29 }

    /// Beyond this, in either direction, a value counts as this.
    static var largest: Float { 0x1p124 }

    /// One node, of 8 bytes; a leaf is its own left child behind a threshold that nothing reaches.
    struct Node: Equatable, Sendable, BitwiseCopyable {
        /// Rows below it go left, the others right.
        var threshold: Float
        var column: UInt16
        /// The left child's place in its tree; the right child is the next one.
        var left: UInt16

        static func leaf(at place: Int) -> Node {
            Node(threshold: .infinity, column: 0, left: UInt16(place))
        }
        func isLeaf(at place: Int) -> Bool { Int(left) == place }
    }
}
