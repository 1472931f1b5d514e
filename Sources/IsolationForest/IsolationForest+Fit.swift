extension IsolationForest {
    /// Grows a forest.
    ///
    /// - Parameters:
    ///   - rows: `[n × columnCount]`, row after row, n ≥ 2; borrowed for the call.
    ///   - columnCount: values in a row, `1...4_096`.
    /// - Throws: `.badShape` when `rows` is not that; `.badOption` with the option's name.
    /// - Complexity: O(trees × sample size × (height + columns)), whatever the number of rows.
    public init(rows: [Float], columnCount: Int, options: Options) throws(ForestError) {
        try self.init(rows: rows.span, columnCount: columnCount, options: options)
    }

    /// Grows a forest from borrowed rows; see `init(rows:columnCount:options:)`.
    public init(rows: Span<Float>, columnCount: Int, options: Options) throws(ForestError) {
        guard (1...4096).contains(columnCount), rows.count >= 2 * columnCount,
            rows.count.isMultiple(of: columnCount)
        else { throw .badShape(valueCount: rows.count, columnCount: columnCount) }
        try options.check(columnCount: columnCount)
        let rowCount = rows.count / columnCount
        let sampleSize = min(options.sampleSize, rowCount)
        let heightLimit =
            options.heightLimit ?? Int.bitWidth - (sampleSize - 1).leadingZeroBitCount
        let stride = (columnCount + 7) / 8 * 8
        var fill: [Float] = []
        var trees: [Tree] = []
        for index in 0..<options.treeCount {
            var generator = SeededGenerator(seed: options.seed, stream: UInt64(index))
            let picked = generator.sample(sampleSize, of: rowCount)
            if index == 0 { fill = Self.medians(rows, picked, columnCount: columnCount) }
            var sample = [Float](repeating: 0, count: sampleSize * stride)
            for (place, row) in picked.enumerated() {
                for column in 0..<columnCount {
                    sample[place * stride + column] = Self.ordinary(
                        rows[row * columnCount + column], unknown: fill[column])
                }
            }
            let columns = generator.sample(options.columnsPerTree ?? columnCount, of: columnCount)
            var builder = TreeBuilder(
                sample: sample, stride: stride, columns: columns, heightLimit: heightLimit,
                generator: generator)
            trees.append(builder.grow())
        }
        self.init(
            trees: trees, columnCount: columnCount, sampleSize: sampleSize,
            heightLimit: heightLimit,
            resolution: options.resolution, fill: fill)
    }

    init(
        trees: [Tree], columnCount: Int, sampleSize: Int, heightLimit: Int, resolution: [Float],
        fill: [Float]
    ) {
        self.columnCount = columnCount
        self.sampleSize = sampleSize
        self.heightLimit = heightLimit
        self.fill = fill
        let stride = (columnCount + 7) / 8 * 8
        self.resolution = resolution + Array(repeating: 0, count: stride - resolution.count)
        let averages = PathLength.averages(upTo: sampleSize)
        var treeStarts: [Int32] = [0]
        var leafPaths: [Float] = []
        for tree in trees {
            treeStarts.append(treeStarts.last! + Int32(tree.nodes.count))
            for (place, node) in tree.nodes.enumerated() {
                let path = Float(tree.depths[place]) + averages[Int(tree.rowCounts[place])]
                leafPaths.append(node.isLeaf(at: place) ? path : 0)
            }
        }
        self.treeStarts = treeStarts
        self.leafPaths = leafPaths
        nodes = trees.flatMap(\.nodes)
        rowCounts = trees.flatMap(\.rowCounts)
        boxes = trees.flatMap(\.boxes)
    }

    /// `value` as the forest reads it.
    static func ordinary(_ value: Float, unknown: Float) -> Float {
        value.isNaN ? unknown : max(-largest, min(largest, value))
    }

    /// By column, the lower median of the values known in the picked rows; 0 where there are none.
    private static func medians(
        _ rows: Span<Float>, _ picked: [Int], columnCount: Int
    ) -> [Float] {
        var medians: [Float] = []
        for column in 0..<columnCount {
            var known: [Float] = []
            for row in picked where !rows[row * columnCount + column].isNaN {
                known.append(rows[row * columnCount + column])
            }
            known.sort()
            medians.append(
                known.isEmpty ? 0 : ordinary(known[(known.count - 1) / 2], unknown: 0))
        }
        return medians
    }
}

extension IsolationForest.Options {
    func check(columnCount: Int) throws(ForestError) {
        guard (1...65_535).contains(treeCount) else { throw .badOption("treeCount") }
        guard (2...32_768).contains(sampleSize) else { throw .badOption("sampleSize") }
        guard (1...64).contains(heightLimit ?? 1) else { throw .badOption("heightLimit") }
        guard (1...columnCount).contains(columnsPerTree ?? 1) else {
            throw .badOption("columnsPerTree")
        }
        guard resolution.isEmpty || resolution.count == columnCount,
            resolution.allSatisfy({ $0 >= 0 && $0 <= IsolationForest.largest })
        else { throw .badOption("resolution") }
        guard threadCount >= 1 else { throw .badOption("threadCount") }
    }
}

extension SeededGenerator {
    /// `count` different numbers below `bound` (Floyd's method: Bentley and Floyd 1987).
    mutating func sample(_ count: Int, of bound: Int) -> [Int] {
        guard count < bound else { return Array(0..<bound) }
        var seen = Set<Int>(minimumCapacity: count)
        var picked: [Int] = []
        picked.reserveCapacity(count)
        for last in (bound - count)..<bound {
            let number = below(last + 1)
            let new = seen.insert(number).inserted ? number : last
            seen.insert(new)
            picked.append(new)
        }
        return picked
    }
}
