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
        attribute(row, to: &shares)
        return score(row)
    }

    /// Scores a row and computes which columns made it anomalous.
    public func attribute(_ row: [Float], into shares: inout [Float]) -> Float {
        attribute(row.span, into: &shares)
    }

    /// Computes which columns make a row anomalous, without its score; see `attribute(_:into:)`.
    public func attribute(_ row: [Float], to shares: inout [Float]) {
        attribute(row.span, to: &shares)
    }

    private func attribute(_ row: Span<Float>, to shares: inout [Float]) {
        if shares.count != columnCount { shares = Array(repeating: 0, count: columnCount) }
        unsafe withCreditor(reading: row) { creditor, copy in
            for tree in 0..<treeCount { unsafe creditor.credit(copy, tree: tree) }
            for column in 0..<columnCount {
                shares[column] = unsafe max(0, creditor.savings[column / 8][column % 8])
            }
        }
        var total: Float = 0
        for column in 0..<columnCount { total += shares[column] }
        for column in 0..<columnCount {
            shares[column] = total > 0 ? shares[column] / total : 1 / Float(columnCount)
        }
    }

    /// Calls `body` with a creditor without savings and a copied row.
    private func withCreditor(
        reading row: Span<Float>, _ body: (borrowing Creditor, Walker.Row) -> Void
    ) {
        let width = vectorCount
        unsafe withWalker(reading: row) { walker, copy in
            // SAFETY: the scratch has `width` vectors of each kind, and lives as long as `body`.
            unsafe withUnsafeTemporaryAllocation(of: SIMD8<Float>.self, capacity: 2 * width) {
                unsafe $0.initialize(repeating: .zero)
                let scratch = $0.baseAddress!
                unsafe rowCounts.withUnsafeBufferPointer { rowCounts in
                    unsafe averages.withUnsafeBufferPointer { averages in
                        unsafe body(
                            Creditor(
                                walker: walker, rowCounts: rowCounts.baseAddress!,
                                averages: averages.baseAddress!,
                                savings: scratch, cuts: scratch + width),
                            copy)
                    }
                }
            }
        }
    }
}

/// Adds up what each column of a row saves.
///
/// SAFETY: places, columns and boxes are those of `Walker`; a node's count of rows is at most the
/// sample size, which `averages` contains.
@safe
private struct Creditor {
    let walker: Walker
    let rowCounts: UnsafePointer<UInt16>
    let averages: UnsafePointer<Float>
    /// By column, padded to whole vectors.
    let savings: UnsafeMutablePointer<SIMD8<Float>>
    /// Scratch for the vectors of one box.
    let cuts: UnsafeMutablePointer<SIMD8<Float>>

    /// Adds what each column saves on the path down one tree.
    func credit(_ row: Walker.Row, tree: Int) {
        let values = unsafe UnsafeRawPointer(row).assumingMemoryBound(to: Float.self)
        let start = unsafe Int(walker.treeStarts[tree])
        let nodes = unsafe walker.nodes + start
        let numbers = unsafe walker.boxNumbers + start
        let counts = unsafe rowCounts + start
        var place = 0
        var remaining: Float = 1
        var lastBox: Int32 = -1
        while true {
            let average = unsafe averages[Int(counts[place])]
            let number = unsafe numbers[place]
            if number != lastBox {
                lastBox = number
                let kept =
                    unsafe remaining * walker.stay(row, box: Int(number), excesses: cuts)
                if kept < remaining { share((remaining - kept) * average) }
                remaining = kept
            }
            let node = unsafe nodes[place]
            if node.isLeaf(at: place) { return }
            let column = Int(node.column)
            place = unsafe Int(node.left) + (values[column] >= node.threshold ? 1 : 0)
            let below = unsafe averages[Int(counts[place])]
            add(remaining * (average - below - 1), to: column)
        }
    }

    /// Distributes `saved` over the columns in which the row is outside the box whose excesses are
    /// in `cuts`.
    private func share(_ saved: Float) {
        var total: Float = 0
        for vector in 0..<walker.width {
            let cut = unsafe 1 - 1 / cuts[vector]
            unsafe cuts[vector] = cut
            total += cut.sum()
        }
        // A column within the box has a cut of 0.
        for vector in 0..<walker.width { unsafe savings[vector] += saved * cuts[vector] / total }
    }

    /// Adds to one column of the vectors, as raw memory: they have one type.
    @inline(__always)
    private func add(_ saved: Float, to column: Int) {
        let place = unsafe UnsafeMutableRawPointer(savings) + 4 * column
        unsafe place.storeBytes(of: place.load(as: Float.self) + saved, as: Float.self)
    }
}
