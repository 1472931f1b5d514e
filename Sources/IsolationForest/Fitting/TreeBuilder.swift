/// One tree, before it is added to the forest.
struct Tree: Sendable {
    var nodes: [IsolationForest.Node] = []
    var rowCounts: [UInt16] = []
    var depths: [UInt8] = []
    /// For each node with a box, in the order of the nodes: the centre, then the half extent.
    var boxes: [SIMD8<Float>] = []
    /// Whether nodes of this tree may have boxes.
    var hasBoxes = true

    /// By node, the node of the nearest box at or above it, −1 if there is none.
    var boxOwners: [Int] {
        guard hasBoxes else { return Array(repeating: -1, count: nodes.count) }
        return Box.owners(nodes: nodes, rows: rowCounts)
    }

    /// Adds a node as a leaf.
    mutating func append(rows: Int, depth: Int) {
        nodes.append(.leaf(at: nodes.count))
        rowCounts.append(UInt16(rows))
        depths.append(UInt8(depth))
    }
}

/// Builds one tree from its sample.
struct TreeBuilder {
    /// [sample size × width], row after row, padded with 0.
    private let rows: [SIMD8<Float>]
    /// The same, value by value.
    private let values: [Float]
    private let width: Int
    private let heightLimit: Int
    private var generator: SeededGenerator
    /// The sample's rows; those of a node are adjacent.
    private var order: [Int32]
    /// The tree's columns; those that may vary in the current node come first.
    private var columns: [Int]
    private var tree = Tree()
    /// By node, the index of its first row in `order`.
    private var firsts: [Int] = []

    /// The rows of one node.
    private struct Node {
        let place: Int
        let rows: Range<Int>
        let depth: Int
    }

    init(
        rows: [SIMD8<Float>], width: Int, columns: [Int], heightLimit: Int,
        hasBoxes: Bool, generator: SeededGenerator
    ) {
        self.rows = rows
        // SAFETY: a vector of 8 values has the layout of 8 values.
        values = unsafe rows.withUnsafeBytes { unsafe Array($0.bindMemory(to: Float.self)) }
        self.width = width
        self.heightLimit = heightLimit
        self.generator = generator
        self.columns = columns
        order = Array(0..<Int32(rows.count / width))
        tree.nodes.reserveCapacity(2 * order.count)
        tree.rowCounts.reserveCapacity(2 * order.count)
        tree.depths.reserveCapacity(2 * order.count)
        firsts.reserveCapacity(2 * order.count)
        tree.boxes.reserveCapacity(hasBoxes ? order.count / 4 * width : 0)
        tree.hasBoxes = hasBoxes
    }

    mutating func grow() -> Tree {
        let root = append(0..<order.count, depth: 0)
        split(root, candidates: columns.count)
        let owners = tree.boxOwners
        for place in owners.indices where owners[place] == place {
            appendBox(around: firsts[place]..<(firsts[place] + Int(tree.rowCounts[place])))
        }
        return tree
    }

    private mutating func append(_ range: Range<Int>, depth: Int) -> Node {
        firsts.append(range.lowerBound)
        tree.append(rows: range.count, depth: depth)
        return Node(place: tree.nodes.count - 1, rows: range, depth: depth)
    }

    private mutating func split(_ node: Node, candidates: Int) {
        guard node.depth < heightLimit, node.rows.count > 1 else { return }
        var candidates = candidates
        while candidates > 0 {
            let pick = generator.below(candidates)
            let column = columns[pick]
            let (low, high) = extent(of: column, rows: node.rows)
            guard low < high else {
                // Constant here, so constant in every descendant.
                candidates -= 1
                columns.swapAt(pick, candidates)
                continue
            }
            let threshold = cut(low: low, high: high)
            let middle = partition(node.rows, column: column, threshold: threshold)
            tree.nodes[node.place] = .init(
                threshold: threshold, column: UInt16(column), left: UInt16(tree.nodes.count))
            let depth = node.depth + 1
            let below = append(node.rows.lowerBound..<middle, depth: depth)
            let above = append(middle..<node.rows.upperBound, depth: depth)
            split(below, candidates: candidates)
            split(above, candidates: candidates)
            return
        }
    }

    private func extent(of column: Int, rows: Range<Int>) -> (Float, Float) {
        let stride = 8 * width
        var low = Float.infinity
        var high = -Float.infinity
        for index in rows {
            let value = values[Int(order[index]) * stride + column]
            low = value < low ? value : low
            high = value > high ? value : high
        }
        return (low, high)
    }

    /// Returns a threshold in `low < threshold <= high`, so that neither side is empty.
    private mutating func cut(low: Float, high: Float) -> Float {
        let threshold = low + (high - low) * generator.unit()
        return threshold > low ? min(threshold, high) : low.nextUp
    }

    /// Moves the rows below `threshold` to the front; returns the index of the first other row.
    private mutating func partition(_ range: Range<Int>, column: Int, threshold: Float) -> Int {
        let stride = 8 * width
        var front = range.lowerBound
        var back = range.upperBound
        while front < back {
            if values[Int(order[front]) * stride + column] < threshold {
                front += 1
            } else {
                back -= 1
                order.swapAt(front, back)
            }
        }
        return front
    }

    private mutating func appendBox(around range: Range<Int>) {
        let box = tree.boxes.count
        tree.boxes.append(contentsOf: repeatElement(.zero, count: 2 * width))
        for vector in 0..<width {
            var low = SIMD8<Float>(repeating: .infinity)
            var high = SIMD8<Float>(repeating: -.infinity)
            for index in range {
                let value = rows[Int(order[index]) * width + vector]
                low = smaller(value, low)
                high = larger(value, high)
            }
            let centre = low * 0.5 + high * 0.5
            tree.boxes[box + vector] = centre
            // The larger side, so rounding puts no row of the box outside it.
            tree.boxes[box + width + vector] = larger(high - centre, centre - low)
        }
    }
}
