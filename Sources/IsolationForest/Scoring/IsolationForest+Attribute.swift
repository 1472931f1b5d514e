extension IsolationForest {
    /// Scores a row and computes which columns made it anomalous.
    ///
    /// A walk starts with c(sample size), the path length of a usual row. A split from n rows to m
    /// changes the expected length from c(n) to 1 + c(m); being cut off at a node of n rows saves
    /// c(n). These steps add up to c(sample size) − E[h] exactly. Each step is attributed to a
    /// column: that of the split, or those in which the row is outside the node's box, by their
    /// probabilities of cutting it off. A column's share is what it saved in all trees, or 0 if it
    /// cost more than it saved, divided by what all columns saved.
    ///
    /// - Parameters:
    ///   - row: `[columnCount]`, borrowed for the call.
    ///   - shares: overwritten with `[columnCount]` shares, each 0...1, that add up to 1; all equal
    ///     for a row that no column makes anomalous.
    /// - Returns: the insertion-aware score, the same as that of `score`.
    /// - Complexity: as `score`; no allocation up to 256 columns if `shares` has the right size.
    public func attribute(_ row: Span<Float>, into shares: inout [Float]) -> Float {
        if shares.count != columnCount { shares = Array(repeating: 0, count: columnCount) }
        let sum = unsafe withWalker(reading: row) { walker, copy in
            for column in 0..<columnCount { shares[column] = 0 }
            for tree in 0..<treeCount {
                unsafe credit(walker, copy, tree: tree, to: &shares)
            }
            return unsafe walker.sum(copy, insertionAware: true)
        }
        var total: Float = 0
        for column in 0..<columnCount {
            shares[column] = max(0, shares[column])
            total += shares[column]
        }
        for column in 0..<columnCount {
            shares[column] = total > 0 ? shares[column] / total : 1 / Float(columnCount)
        }
        return score(pathSum: sum)
    }

    /// Scores a row and computes which columns made it anomalous.
    public func attribute(_ row: [Float], into shares: inout [Float]) -> Float {
        attribute(row.span, into: &shares)
    }

    /// Adds what each column saves on the path down one tree.
    private func credit(
        _ walker: Walker, _ row: Walker.Row, tree: Int, to savings: inout [Float]
    ) {
        let start = Int(treeStarts[tree])
        var place = 0
        var remaining: Float = 1
        var lastBox: Int32 = -1
        while true {
            let count = Int(rowCounts[start + place])
            let number = boxNumbers[start + place]
            if number != lastBox {
                lastBox = number
                let kept = unsafe remaining * walker.stay(row, box: Int(number))
                if kept < remaining {
                    let saved = (remaining - kept) * averages[count]
                    unsafe share(saved, walker, row, box: Int(number), to: &savings)
                }
                remaining = kept
            }
            let node = nodes[start + place]
            if node.isLeaf(at: place) { return }
            let column = Int(node.column)
            let value = unsafe row[column / 8][column % 8]
            place = Int(node.left) + (value >= node.threshold ? 1 : 0)
            savings[column] +=
                remaining * (averages[count] - averages[Int(rowCounts[start + place])] - 1)
        }
    }

    /// Distributes `saved` over the columns in which the row is outside a box.
    private func share(
        _ saved: Float, _ walker: Walker, _ row: Walker.Row, box number: Int,
        to savings: inout [Float]
    ) {
        var total: Float = 0
        for vector in 0..<vectorCount {
            total += unsafe (1 - 1 / walker.excess(row, box: number, vector)).sum()
        }
        for vector in 0..<vectorCount {
            let cuts = unsafe 1 - 1 / walker.excess(row, box: number, vector)
            for lane in 0..<min(8, columnCount - 8 * vector) where cuts[lane] > 0 {
                savings[8 * vector + lane] += saved * cuts[lane] / total
            }
        }
    }
}
