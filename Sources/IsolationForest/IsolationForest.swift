/// An isolation forest over rows of `Float` (Liu, Ting, Zhou 2008 and 2012), with insertion-aware
/// scoring and an explanation of each score.
///
/// A forest is immutable, and any number of threads may score with it. The same rows and options
/// yield the same forest and the same scores, bit for bit, on any machine and with any number of
/// threads.
///
/// Special values are treated the same in training and in scoring: NaN means "unknown" and is
/// replaced by the column's median in the first tree's sample; infinities and values beyond ±2¹²⁴
/// count as ±2¹²⁴.
public final class IsolationForest: Sendable, Equatable {
    /// The options of a fit; all defaults are those of the papers.
    public struct Options: Sendable, Equatable {
        /// The number of trees, `1...65_535`; at most 2²⁹ when multiplied by the sample size.
        public var treeCount = 100
        /// The number of rows sampled for each tree, without replacement, `2...32_768`; fewer if
        /// there are fewer rows.
        public var sampleSize = 256
        /// The greatest number of splits from the root to a leaf, `1...64`; nil is ⌈log₂ sample
        /// size⌉.
        public var heightLimit: Int?
        /// The number of columns that each tree may split on, `1...columnCount`; nil is all of
        /// them.
        public var columnsPerTree: Int?
        /// The smallest significant difference, one per column and in its unit; empty is 0 for
        /// every column.
        ///
        /// In a column that is constant in training, any deviation is anomalous. The resolution
        /// defines how large a deviation must be to count: one as large as the resolution counts
        /// half.
        public var resolution: [Float] = []
        /// The number of training rows that the forest keeps for neighbour-aware scoring, 0 or
        /// `2...32_768`; fewer if there are fewer rows. 0 keeps none.
        ///
        /// With references, only every fourth tree has boxes, so that time and memory stay about
        /// the same: insertion-aware scores and shares are coarser. 1024 references rank well;
        /// scoring takes time in proportion to them. A file then contains these rows.
        public var referenceCount = 0
        /// The seed of the random numbers.
        public var seed: UInt64
        /// The number of threads that build trees, at least 1; the forest does not depend on it.
        public var threadCount = 1

        public init(seed: UInt64) {
            self.seed = seed
        }
    }

    /// The method of scoring a row.
    public enum Scoring: Sendable, Equatable {
        /// The score of the papers: 2^(−mean path length / c(sample size)).
        case classic
        /// The mean path length is that of the row's insertion into the trees, which also detects
        /// values outside the range seen in training.
        case insertionAware
        /// The insertion-aware path is combined with the distance to the nearest of the references,
        /// which also detects rows unlike any training row whose values are all within the range
        /// seen in training. The forest must have references.
        case neighbourAware
    }

    /// Values in a row.
    public let columnCount: Int
    /// The number of rows that each tree was built from.
    public let sampleSize: Int
    /// The greatest number of splits from the root to a leaf.
    public let heightLimit: Int

    /// The starts of the trees; tree t is `treeStarts[t]..<treeStarts[t + 1]` of the nodes.
    let treeStarts: [Int32]
    /// By tree: splits from the root to its lowest leaf.
    let treeDepths: [UInt8]
    let nodes: [Node]
    /// By node: the number of training rows that reached it.
    let rowCounts: [UInt16]
    /// By node: depth + c(rows) at a leaf, 0 elsewhere.
    let leafPaths: [Float]
    /// By node: the number of the nearest box at or above it, −1 if there is none.
    let boxNumbers: [Int32]
    /// By box: the number of the box above it in its tree, −1 if there is none.
    let boxParents: [Int32]
    /// By box: the depth of its node.
    let boxDepths: [Float]
    /// By box, vector after vector of the columns: centre, inverse and offset of `Box.scaled`.
    let boxes: [SIMD8<Float>]
    /// By box: the half extent.
    let boxHalves: [SIMD8<Float>]
    /// `Options.resolution`, then the replacement of NaN, by column and padded with 0.
    let columns: [SIMD8<Float>]
    /// c(0) … c(`sampleSize`).
    let averages: [Float]
    /// The training rows that the forest keeps, nil if it keeps none.
    let references: References?

    /// Joins trees, each with at least one node.
    init(
        trees: [Tree], columnCount: Int, sampleSize: Int, heightLimit: Int, resolution: [Float],
        fill: [Float], references: References? = nil
    ) {
        self.references = references
        self.columnCount = columnCount
        self.sampleSize = sampleSize
        self.heightLimit = heightLimit
        averages = PathLength.averages(upTo: sampleSize)
        columns = Self.vectors(resolution, columnCount) + Self.vectors(fill, columnCount)
        nodes = trees.flatMap(\.nodes)
        rowCounts = trees.flatMap(\.rowCounts)
        treeDepths = trees.map { $0.depths.max()! }
        var treeStarts: [Int32] = [0]
        var leafPaths: [Float] = []
        leafPaths.reserveCapacity(nodes.count)
        for tree in trees {
            treeStarts.append(treeStarts.last! + Int32(tree.nodes.count))
            for (place, node) in tree.nodes.enumerated() {
                let path = Float(tree.depths[place]) + averages[Int(tree.rowCounts[place])]
                leafPaths.append(node.isLeaf(at: place) ? path : 0)
            }
        }
        self.treeStarts = treeStarts
        self.leafPaths = leafPaths
        (boxNumbers, boxParents, boxDepths) = Box.numbers(trees)
        let width = (columnCount + 7) / 8
        var boxes: [SIMD8<Float>] = []
        var boxHalves: [SIMD8<Float>] = []
        let boxVectors = trees.reduce(0) { $0 + $1.boxes.count } / 2
        boxes.reserveCapacity(3 * boxVectors)
        boxHalves.reserveCapacity(boxVectors)
        for tree in trees {
            for box in stride(from: 0, to: tree.boxes.count, by: 2 * width) {
                for vector in 0..<width {
                    let centre = tree.boxes[box + vector]
                    let half = tree.boxes[box + width + vector]
                    let (inverse, offset) = Box.scaled(
                        half: half, resolution: columns[vector])
                    boxes.append(centre)
                    boxes.append(inverse)
                    boxes.append(offset)
                    boxHalves.append(half)
                }
            }
        }
        self.boxes = boxes
        self.boxHalves = boxHalves
    }

    /// Whether two forests have the same trees and the same references.
    public static func == (one: IsolationForest, other: IsolationForest) -> Bool {
        // The other arrays follow from these.
        one === other
            || one.columnCount == other.columnCount && one.sampleSize == other.sampleSize
                && one.heightLimit == other.heightLimit && one.columns == other.columns
                && one.treeStarts == other.treeStarts && one.nodes == other.nodes
                && one.rowCounts == other.rowCounts && one.boxes == other.boxes
                && one.boxHalves == other.boxHalves && one.references == other.references
    }

    /// The number of trees in the forest.
    public var treeCount: Int { treeStarts.count - 1 }
    /// The number of training rows that the forest keeps for neighbour-aware scoring.
    public var referenceCount: Int { references?.count ?? 0 }
    /// The memory of the trees and references in bytes.
    public var memoryByteCount: Int {
        nodes.count * (MemoryLayout<Node>.stride + 2 + 4 + 4) + treeCount * 5
            + (boxes.count + boxHalves.count + columns.count) * MemoryLayout<SIMD8<Float>>.stride
            + (averages.count + boxParents.count + boxDepths.count) * 4
            + (references?.memoryByteCount ?? 0)
    }

    /// The number of vectors of 8 values for one row.
    var vectorCount: Int { (columnCount + 7) / 8 }

    /// The limit of trees times sample size, so that 32 bits can count the nodes.
    static var mostRows: Int { 1 << 29 }

    /// The limit of values in either direction; values beyond it count as the limit.
    static var largest: Float { 0x1p124 }

    /// One node of 8 bytes; a leaf is its own left child, with a threshold that no value reaches.
    struct Node: Equatable, Sendable, BitwiseCopyable {
        /// Rows below it go left, the others right.
        var threshold: Float
        var column: UInt16
        /// The left child's index in its tree; the right child is the next one.
        var left: UInt16

        static func leaf(at place: Int) -> Node {
            Node(threshold: .infinity, column: 0, left: UInt16(place))
        }
        func isLeaf(at place: Int) -> Bool { Int(left) == place }
    }
}
