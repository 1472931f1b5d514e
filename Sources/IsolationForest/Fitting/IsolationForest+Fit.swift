extension IsolationForest {
    /// Fits a forest.
    ///
    /// - Parameters:
    ///   - rows: `[n × columnCount]`, row after row, n ≥ 2; borrowed for the call.
    ///   - columnCount: values in a row, `1...4_096`.
    ///   - options: the options of the fit.
    /// - Throws: `.badShape` if `rows` has another shape; `.badOption` with the option's name.
    /// - Complexity: O(trees × sample size × (height + columns)), whatever the number of rows.
    public convenience init(rows: [Float], columnCount: Int, options: Options) throws(ForestError) {
        try self.init(rows: rows.span, columnCount: columnCount, options: options)
    }

    /// Fits a forest to borrowed rows; see the other initializer.
    public convenience init(rows: Span<Float>, columnCount: Int, options: Options)
        throws(ForestError)
    {
        guard (1...4096).contains(columnCount), rows.count >= 2 * columnCount,
            rows.count.isMultiple(of: columnCount)
        else { throw .badShape(valueCount: rows.count, columnCount: columnCount) }
        try options.check(columnCount: columnCount)
        let rowCount = rows.count / columnCount
        let sampleSize = min(options.sampleSize, rowCount)
        let heightLimit =
            options.heightLimit ?? (Int.bitWidth - (sampleSize - 1).leadingZeroBitCount)
        let fill = rows.medians(columnCount: columnCount, rowCount: rowCount, options: options)
        let fillVectors = Self.vectors(fill, columnCount)
        let grower = Grower(
            columnCount: columnCount, rowCount: rowCount, sampleSize: sampleSize,
            heightLimit: heightLimit, fill: fillVectors, options: options)
        var references: References?
        if options.referenceCount > 0 {
            let resolution = Self.vectors(options.resolution, columnCount)
            references = unsafe rows.withUnsafeBufferPointer {
                unsafe References(
                    rows: $0, rowCount: rowCount, columnCount: columnCount, fill: fillVectors,
                    resolution: resolution, options: options)
            }
        }
        self.init(
            trees: unsafe rows.withUnsafeBufferPointer { unsafe grower.grow($0) },
            columnCount: columnCount, sampleSize: sampleSize, heightLimit: heightLimit,
            resolution: options.resolution, fill: fill, references: references)
    }

    /// Whether a tree has boxes, in a forest with or without references.
    static func hasBoxes(tree: Int, ofReferences hasReferences: Bool) -> Bool {
        !hasReferences || tree.isMultiple(of: References.boxStride)
    }

    /// Returns `value` with NaN replaced and the range limited.
    static func ordinary(_ value: Float, unknown: Float) -> Float {
        value.isNaN ? unknown : max(-largest, min(largest, value))
    }

    static func vectors(_ values: [Float], _ columnCount: Int) -> [SIMD8<Float>] {
        var vectors = [SIMD8<Float>](repeating: .zero, count: (columnCount + 7) / 8)
        for (column, value) in values.enumerated() { vectors[column / 8][column % 8] = value }
        return vectors
    }
}

/// Grows the trees of one forest.
private struct Grower: Sendable {
    let columnCount: Int
    let rowCount: Int
    let sampleSize: Int
    let heightLimit: Int
    let fill: [SIMD8<Float>]
    let options: IsolationForest.Options

    /// Distributes the trees over the threads: part p grows trees p, p + parts, ….
    func grow(_ rows: UnsafeBufferPointer<Float>) -> [Tree] {
        let parts = min(options.threadCount, options.treeCount)
        var trees = [Tree](repeating: Tree(), count: options.treeCount)
        unsafe trees.withUnsafeMutableBufferPointer { trees in
            // SAFETY: every part writes its own trees, and `run` returns after all of them.
            let slots = trees.baseAddress!
            ForkJoin.run(parts: parts) { part in
                for index in stride(from: part, to: options.treeCount, by: parts) {
                    unsafe slots[index] = tree(index, rows)
                }
            }
        }
        return trees
    }

    private func tree(_ index: Int, _ source: UnsafeBufferPointer<Float>) -> Tree {
        var generator = SeededGenerator(seed: options.seed, stream: UInt64(index))
        let picked = generator.sample(sampleSize, of: rowCount)
        // SAFETY: `source` has `rowCount` rows, and the sampled indices are below that.
        let rows = unsafe RowReader.copies(
            of: picked, in: source, columnCount: columnCount, fill: fill)
        let columns = generator.sample(options.columnsPerTree ?? columnCount, of: columnCount)
        var builder = TreeBuilder(
            rows: rows, width: fill.count, columns: columns, heightLimit: heightLimit,
            hasBoxes: IsolationForest.hasBoxes(
                tree: index, ofReferences: options.referenceCount > 0),
            generator: generator)
        return builder.grow()
    }
}

extension Span<Float> {
    /// By column, the lower median of the known values in the first tree's sample; 0 if there are
    /// none.
    fileprivate func medians(
        columnCount: Int, rowCount: Int, options: IsolationForest.Options
    ) -> [Float] {
        var generator = SeededGenerator(seed: options.seed, stream: 0)
        let picked = generator.sample(Swift.min(options.sampleSize, rowCount), of: rowCount)
        var medians: [Float] = []
        for column in 0..<columnCount {
            var known: [Float] = []
            known.reserveCapacity(picked.count)
            for row in picked where !self[row * columnCount + column].isNaN {
                known.append(self[row * columnCount + column])
            }
            known.sort()
            let median = known.isEmpty ? 0 : known[(known.count - 1) / 2]
            medians.append(IsolationForest.ordinary(median, unknown: 0))
        }
        return medians
    }
}

extension IsolationForest.Options {
    func check(columnCount: Int) throws(ForestError) {
        guard (1...65_535).contains(treeCount) else { throw .badOption("treeCount") }
        guard (2...32_768).contains(sampleSize) else { throw .badOption("sampleSize") }
        guard treeCount * sampleSize <= IsolationForest.mostRows else {
            throw .badOption("treeCount")
        }
        guard (1...64).contains(heightLimit ?? 1) else { throw .badOption("heightLimit") }
        guard (1...columnCount).contains(columnsPerTree ?? 1) else {
            throw .badOption("columnsPerTree")
        }
        guard resolution.isEmpty || resolution.count == columnCount,
            resolution.allSatisfy({ $0 >= 0 && $0 <= IsolationForest.largest })
        else { throw .badOption("resolution") }
        guard referenceCount == 0 || (2...32_768).contains(referenceCount) else {
            throw .badOption("referenceCount")
        }
        guard threadCount >= 1 else { throw .badOption("threadCount") }
    }
}

extension SeededGenerator {
    /// Returns `count` different numbers below `bound` (Floyd's method: Bentley and Floyd 1987).
    mutating func sample(_ count: Int, of bound: Int) -> [Int] {
        guard count < bound else { return Array(0..<bound) }
        var seen = SmallSet(capacity: count)
        var picked: [Int] = []
        picked.reserveCapacity(count)
        for last in (bound - count)..<bound {
            let number = below(last + 1)
            let new = seen.insert(number) ? number : last
            if new == last { _ = seen.insert(last) }
            picked.append(new)
        }
        return picked
    }
}

/// A set of non-negative integers: an open-addressing table, at most half full.
private struct SmallSet {
    private var slots: [Int]
    private let shift: UInt64

    init(capacity: Int) {
        let bits = Int.bitWidth - capacity.leadingZeroBitCount + 1
        slots = Array(repeating: -1, count: 1 << bits)
        shift = UInt64(64 - bits)
    }

    /// Adds a number; returns whether it is new.
    mutating func insert(_ number: Int) -> Bool {
        var slot = Int((UInt64(number) &* 0x9E37_79B9_7F4A_7C15) >> shift)
        while slots[slot] >= 0 {
            if slots[slot] == number { return false }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = number
        return true
    }
}
