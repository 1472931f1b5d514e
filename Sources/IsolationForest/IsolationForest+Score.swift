extension IsolationForest {
    /// How odd a row is, 0...1, insertion-aware; about 0.4 is usual, near 1 is isolated at once.
    ///
    /// - Parameter row: `[columnCount]`, borrowed for the call.
    public func score(_ row: Span<Float>) -> Float {
        score(row, scoring: .insertionAware)
    }

    /// How odd a row is, 0...1, insertion-aware.
    public func score(_ row: [Float]) -> Float { score(row.span) }

    /// The score of the papers, 2^(−E[h] / c(sample size)), 0...1.
    public func classicScore(_ row: Span<Float>) -> Float { score(row, scoring: .classic) }

    /// The score of the papers, 2^(−E[h] / c(sample size)), 0...1.
    public func classicScore(_ row: [Float]) -> Float { classicScore(row.span) }

    /// Scores many rows.
    ///
    /// - Parameters:
    ///   - rows: `[n × columnCount]`, row after row, borrowed for the call.
    ///   - scores: `[n]`, overwritten.
    ///   - threadCount: threads to score on; the scores do not depend on it.
    public func scores(
        rows: Span<Float>, into scores: inout MutableSpan<Float>,
        scoring: Scoring = .insertionAware, threadCount: Int = 1
    ) {
        precondition(rows.count == scores.count * columnCount, "one score for each row")
        for row in 0..<scores.count {
            let at = row * columnCount
            scores[row] = score(rows.extracting(at..<(at + columnCount)), scoring: scoring)
        }
    }

    /// Scores many rows; see `scores(rows:into:scoring:threadCount:)`.
    public func scores(
        rows: [Float], scoring: Scoring = .insertionAware, threadCount: Int = 1
    ) -> [Float] {
        precondition(rows.count.isMultiple(of: columnCount), "whole rows")
        var scores = [Float](repeating: 0, count: rows.count / columnCount)
        var span = scores.mutableSpan
        self.scores(rows: rows.span, into: &span, scoring: scoring, threadCount: threadCount)
        return scores
    }

    private func score(_ row: Span<Float>, scoring: Scoring) -> Float {
        precondition(row.count == columnCount, "a row of \(columnCount) values")
        var sum: Double = 0
        let values = padded(row)
        for tree in 0..<treeCount {
            switch scoring {
            case .classic: sum += Double(classicPath(values, tree: tree))
            case .insertionAware:
                sum += Double(insertionPath(values, tree: tree) { _, _ in })
            }
        }
        return score(pathSum: sum)
    }

    func score(pathSum: Double) -> Float {
        Float(
            PathLength.powerOfHalf(pathSum / (Double(treeCount) * PathLength.average(sampleSize))))
    }

    func padded(_ row: Span<Float>) -> [SIMD8<Float>] {
        var values = [SIMD8<Float>](repeating: .zero, count: vectorCount)
        for column in 0..<columnCount {
            values[column / 8][column % 8] = Self.ordinary(row[column], unknown: fill[column])
        }
        return values
    }

    private func classicPath(_ values: [SIMD8<Float>], tree: Int) -> Float {
        let start = Int(treeStarts[tree])
        var place = 0
        while true {
            let node = nodes[start + place]
            if node.isLeaf(at: place) { return leafPaths[start + place] }
            let value = values[Int(node.column) / 8][Int(node.column) % 8]
            place = Int(node.left) + (value < node.threshold ? 0 : 1)
        }
    }

    /// The expected path of the row's insertion into one tree; `credit` is told how much each column
    /// shortens it against c(sample size).
    func insertionPath(
        _ values: [SIMD8<Float>], tree: Int, credit: (Int, Float) -> Void
    ) -> Float {
        let start = Int(treeStarts[tree])
        let width = vectorCount
        var place = 0
        var depth: Float = 0
        var remaining: Float = 1
        var path: Float = 0
        while true {
            let node = nodes[start + place]
            let box = (start + place) * 2 * width
            var stay: Float = 1
            var total: Float = 0
            for vector in 0..<width {
                let low = boxes[box + vector]
                let high = boxes[box + width + vector]
                for lane in 0..<8 {
                    let over = max(
                        low[lane] - values[vector][lane], values[vector][lane] - high[lane])
                    if over > 0 {
                        let q =
                            over / (high[lane] - low[lane] + over + resolution[vector * 8 + lane])
                        stay *= 1 - q
                        total += q
                    }
                }
            }
            let rows = Int(rowCounts[start + place])
            let cut = remaining * (1 - stay)
            path += cut * depth
            if cut > 0 {
                let gain = cut * Float(PathLength.average(rows))
                for vector in 0..<width {
                    for lane in 0..<8 {
                        let low = boxes[box + vector][lane]
                        let high = boxes[box + width + vector][lane]
                        let over = max(low - values[vector][lane], values[vector][lane] - high)
                        if over > 0 {
                            let q = over / (high - low + over + resolution[vector * 8 + lane])
                            credit(vector * 8 + lane, gain * q / total)
                        }
                    }
                }
            }
            remaining -= cut
            if node.isLeaf(at: place) { return path + remaining * leafPaths[start + place] }
            let value = values[Int(node.column) / 8][Int(node.column) % 8]
            place = Int(node.left) + (value < node.threshold ? 0 : 1)
            depth += 1
            let child = Int(rowCounts[start + place])
            credit(
                Int(node.column),
                remaining * Float(PathLength.average(rows) - PathLength.average(child) - 1))
        }
    }

    /// Scores a row and says which columns made it odd.
    ///
    /// - Parameters:
    ///   - row: `[columnCount]`, borrowed for the call.
    ///   - shares: overwritten with `[columnCount]` shares, each 0...1, that add up to 1.
    /// - Returns: the insertion-aware score.
    public func attribute(_ row: Span<Float>, into shares: inout [Float]) -> Float {
        precondition(row.count == columnCount, "a row of \(columnCount) values")
        let values = padded(row)
        var credits = [Double](repeating: 0, count: columnCount)
        var sum = 0.0
        for tree in 0..<treeCount {
            sum += Double(insertionPath(values, tree: tree) { credits[$0] += Double($1) })
        }
        let total = credits.reduce(0) { $0 + max(0, $1) }
        shares = credits.map {
            Float(total > 0 ? max(0, $0) / total : 1 / Double(columnCount))
        }
        return score(pathSum: sum)
    }

    /// Scores a row and says which columns made it odd.
    public func attribute(_ row: [Float], into shares: inout [Float]) -> Float {
        attribute(row.span, into: &shares)
    }
}
