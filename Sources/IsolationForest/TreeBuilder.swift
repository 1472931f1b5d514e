/// One grown tree, before it is joined to the forest.
struct Tree: Sendable {
    var nodes: [IsolationForest.Node] = []
    var rowCounts: [UInt16] = []
    var depths: [UInt8] = []
    var boxes: [SIMD8<Float>] = []
}

/// Grows one tree from its sample.
struct TreeBuilder {
    /// [sampleSize × stride], row after row, padded with 0.
    private let sample: [Float]
    private let stride: Int
    private let heightLimit: Int
    private var generator: SeededGenerator
    /// The sample's rows, those of a node side by side.
    private var order: [Int]
    /// The tree's columns; those that may still vary in the node at hand come first.
    private var columns: [Int]
    private var tree = Tree()

    init(
        sample: [Float], stride: Int, columns: [Int], heightLimit: Int, generator: SeededGenerator
    ) {
        self.sample = sample
        self.stride = stride
        self.heightLimit = heightLimit
        self.generator = generator
        self.columns = columns
        order = Array(0..<(sample.count / stride))
    }

    mutating func grow() -> Tree {
        append(rows: order.count, depth: 0)
        split(node: 0, rows: 0..<order.count, candidates: columns.count)
        return tree
    }

    private mutating func append(rows: Int, depth: Int) {
        tree.nodes.append(.leaf(at: tree.nodes.count))
        tree.rowCounts.append(UInt16(rows))
        tree.depths.append(UInt8(depth))
        for _ in 0..<(stride / 4) { tree.boxes.append(.zero) }
    }

    private mutating func split(node: Int, rows: Range<Int>, candidates: Int) {
        let depth = Int(tree.depths[node])
        var candidates = candidates
        while depth < heightLimit, rows.count > 1, candidates > 0 {
            let pick = generator.below(candidates)
            let column = columns[pick]
            let (low, high) = extent(of: column, rows: rows)
            guard low < high else {
                // Constant here, so constant in every descendant.
                candidates -= 1
                columns.swapAt(pick, candidates)
                continue
            }
            let threshold = cut(low: low, high: high)
            let middle = partition(rows, column: column, threshold: threshold)
            let left = tree.nodes.count
            tree.nodes[node] = .init(
                threshold: threshold, column: UInt16(column), left: UInt16(left))
            append(rows: middle - rows.lowerBound, depth: depth + 1)
            append(rows: rows.upperBound - middle, depth: depth + 1)
            split(node: left, rows: rows.lowerBound..<middle, candidates: candidates)
            split(node: left + 1, rows: middle..<rows.upperBound, candidates: candidates)
            joinBoxes(of: left, into: node)
            return
        }
        bound(node: node, rows: rows)
    }

    private func extent(of column: Int, rows: Range<Int>) -> (Float, Float) {
        var low = sample[order[rows.lowerBound] * stride + column]
        var high = low
        for row in rows {
            let value = sample[order[row] * stride + column]
            low = min(low, value)
            high = max(high, value)
        }
        return (low, high)
    }

    /// A threshold in `low < threshold <= high`, so that neither side is empty.
    private mutating func cut(low: Float, high: Float) -> Float {
        let threshold = low + (high - low) * generator.unit()
        return threshold > low ? min(threshold, high) : low.nextUp
    }

    /// Moves the rows below `threshold` to the front; the first place of the others.
    private mutating func partition(_ rows: Range<Int>, column: Int, threshold: Float) -> Int {
        var front = rows.lowerBound
        var back = rows.upperBound
        while front < back {
            if sample[order[front] * stride + column] < threshold {
                front += 1
            } else {
                back -= 1
                order.swapAt(front, back)
            }
        }
        return front
    }

    private mutating func bound(node: Int, rows: Range<Int>) {
        let width = stride / 8
        for vector in 0..<width {
            var low = SIMD8<Float>(repeating: .infinity)
            var high = SIMD8<Float>(repeating: -.infinity)
            for row in rows {
                let at = order[row] * stride + vector * 8
                let values = SIMD8<Float>(sample[at..<(at + 8)])
                low = pointwiseMin(low, values)
                high = pointwiseMax(high, values)
            }
            tree.boxes[node * 2 * width + vector] = low
            tree.boxes[(node * 2 + 1) * width + vector] = high
        }
    }

    private mutating func joinBoxes(of left: Int, into node: Int) {
        let width = stride / 8
        for vector in 0..<width {
            let low = left * 2 * width + vector
            tree.boxes[node * 2 * width + vector] = pointwiseMin(
                tree.boxes[low], tree.boxes[low + 2 * width])
            tree.boxes[(node * 2 + 1) * width + vector] = pointwiseMax(
                tree.boxes[low + width], tree.boxes[low + 3 * width])
        }
    }
}
