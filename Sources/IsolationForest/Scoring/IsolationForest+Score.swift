extension IsolationForest {
    /// The insertion-aware anomaly score of a row, 0...1: 0.4 to 0.5 is usual; near 1, the row is
    /// isolated at once.
    ///
    /// - Parameter row: `[columnCount]`, borrowed for the call.
    /// - Complexity: O(trees × (height + boxes on the path × columns)); no allocation up to 256
    ///   columns.
    public func score(_ row: Span<Float>) -> Float {
        unsafe withWalker(reading: row) { unsafe score(pathSum: $0.sum($1, insertionAware: true)) }
    }

    /// The insertion-aware anomaly score of a row, 0...1.
    public func score(_ row: [Float]) -> Float { score(row.span) }

    /// The score of the papers, 2^(−E[h] / c(sample size)), 0...1.
    ///
    /// - Parameter row: `[columnCount]`, borrowed for the call.
    /// - Complexity: O(trees × height); no allocation up to 256 columns.
    public func classicScore(_ row: Span<Float>) -> Float {
        unsafe withWalker(reading: row) { unsafe score(pathSum: $0.sum($1, insertionAware: false)) }
    }

    /// The score of the papers, 2^(−E[h] / c(sample size)), 0...1.
    public func classicScore(_ row: [Float]) -> Float { classicScore(row.span) }

    /// The neighbour-aware anomaly score of a row, 0...1: about 0.5 is usual.
    ///
    /// - Precondition: the forest has references (`Options.referenceCount`).
    /// - Parameter row: `[columnCount]`, borrowed for the call.
    /// - Complexity: O(trees × height + references × columns) and a quarter of the boxes of
    ///   `score`; no allocation up to 256 columns.
    public func neighbourScore(_ row: Span<Float>) -> Float {
        guard let references else { preconditionFailure("the forest has no references") }
        return unsafe withWalker(reading: row) { walker, copy in
            let sum = unsafe walker.sum(copy, insertionAware: true)
            // SAFETY: the copy is scratch of `withWalker`, and its values are not needed again.
            let square = references.withSeeker {
                unsafe $0.nearest(UnsafeMutablePointer(mutating: copy))
            }
            return score(pathSum: sum, square: square, usual: references.usual)
        }
    }

    /// The neighbour-aware anomaly score of a row, 0...1.
    public func neighbourScore(_ row: [Float]) -> Float { neighbourScore(row.span) }

    /// Scores many rows; each has the same score as when scored alone.
    ///
    /// - Parameters:
    ///   - rows: `[n × columnCount]`, row after row, borrowed for the call.
    ///   - scores: `[n]`, overwritten.
    ///   - scoring: the method of scoring; `.neighbourAware` requires references.
    ///   - threadCount: the number of threads; the scores do not depend on it.
    /// - Complexity: that of n single rows; the scratch of one block for each thread.
    public func scores(
        rows: Span<Float>, into scores: inout MutableSpan<Float>,
        scoring: Scoring = .insertionAware, threadCount: Int = 1
    ) {
        precondition(rows.count == scores.count * columnCount, "one score for each row")
        precondition(threadCount >= 1, "at least one thread")
        precondition(scoring != .neighbourAware || references != nil, "no references")
        let count = scores.count
        // So many that the boxes of a tree are used again and again while they are in the cache.
        let block = max(8, min(512, 4096 / vectorCount / 8 * 8))
        let blockCount = (count + block - 1) / block
        guard blockCount > 0 else { return }
        unsafe rows.withUnsafeBufferPointer { rows in
            unsafe scores.withUnsafeMutableBufferPointer { scores in
                withWalker { walker in
                    let parts = min(threadCount, blockCount)
                    // SAFETY: every part writes its own scores; `run` returns after all of them.
                    let source = rows.baseAddress!
                    let target = scores.baseAddress!
                    ForkJoin.run(parts: parts) { part in
                        let first = blockCount * part / parts * block
                        let end = min(count, blockCount * (part + 1) / parts * block)
                        unsafe walker.sums(
                            rows: source + first * columnCount, count: end - first, block: block,
                            insertionAware: scoring != .classic, into: target + first)
                        unsafe finish(
                            scoring, rows: source + first * columnCount,
                            sums: target + first, count: end - first, block: block, walker)
                    }
                }
            }
        }
    }

    /// Scores many rows; see the other method of this name.
    public func scores(
        rows: [Float], scoring: Scoring = .insertionAware, threadCount: Int = 1
    ) -> [Float] {
        precondition(rows.count.isMultiple(of: columnCount), "whole rows")
        var scores = [Float](repeating: 0, count: rows.count / columnCount)
        var span = scores.mutableSpan
        self.scores(rows: rows.span, into: &span, scoring: scoring, threadCount: threadCount)
        return scores
    }

    /// Replaces the sums of paths by scores.
    private func finish(
        _ scoring: Scoring, rows: UnsafePointer<Float>, sums: UnsafeMutablePointer<Float>,
        count: Int, block: Int, _ walker: Walker
    ) {
        guard scoring == .neighbourAware, let references else {
            for row in 0..<count { unsafe sums[row] = score(pathSum: sums[row]) }
            return
        }
        references.withSeeker { seeker in
            unsafe walker.squares(rows: rows, count: count, block: block, seeker) { row, square in
                unsafe sums[row] = score(
                    pathSum: sums[row], square: square, usual: references.usual)
            }
        }
    }

    /// 1 / (1 + 2^x) with x = E[h] / c(sample size) − 1 − ½ ln (distance / usual distance).
    private func score(pathSum: Float, square: Float, usual: Float) -> Float {
        let mean = Double(pathSum) / (Double(treeCount) * Double(averages[sampleSize]))
        let ratio = Double(max(square, References.leastSquare)) / Double(usual)
        let x = mean - 1 - 0.25 * PathLength.naturalLogarithm(ratio)
        let power = x < 0 ? PathLength.powerOfHalf(-x) : 1 / PathLength.powerOfHalf(x)
        return Float(1 / (1 + power))
    }

    func score(pathSum: Float) -> Float {
        let mean = Double(pathSum) / (Double(treeCount) * Double(averages[sampleSize]))
        return Float(PathLength.powerOfHalf(mean))
    }

    /// Calls `body` with a walker and a copied row.
    func withWalker<R>(reading row: Span<Float>, _ body: (Walker, Walker.Row) -> R) -> R {
        precondition(row.count == columnCount, "as many values as the forest has columns")
        return withWalker { walker in
            unsafe withUnsafeTemporaryAllocation(of: SIMD8<Float>.self, capacity: vectorCount) {
                unsafe $0.initialize(repeating: .zero)
                let copy = $0.baseAddress!
                unsafe row.withUnsafeBufferPointer {
                    unsafe walker.reader.read($0.baseAddress!, into: copy)
                }
                return unsafe body(walker, UnsafePointer(copy))
            }
        }
    }
}

extension Walker {
    /// Overwrites `sums` with each row's sum of paths, `block` rows at a time so that a tree is
    /// still in the cache for the next row.
    func sums(
        rows: UnsafePointer<Float>, count: Int, block: Int, insertionAware: Bool,
        into sums: UnsafeMutablePointer<Float>
    ) {
        // SAFETY: the scratch has space for `block` copied rows and sums; `block` is a multiple of
        // 8. Rows past the last are zero or of an earlier block, so finite; their sums are not
        // used.
        unsafe withUnsafeTemporaryAllocation(
            of: SIMD8<Float>.self, capacity: block * width + block / 8
        ) { scratch in
            unsafe scratch.initialize(repeating: .zero)
            let copies = scratch.baseAddress!
            let blockSums = unsafe UnsafeMutableRawPointer(copies + block * width)
                .assumingMemoryBound(to: Float.self)
            withPaths(capacity: block) { paths in
                for first in stride(from: 0, to: count, by: block) {
                    let filled = min(block, count - first)
                    unsafe reader.read(
                        rows + first * reader.columnCount, count: filled, into: copies)
                    for row in 0..<block { unsafe blockSums[row] = 0 }
                    for tree in 0..<treeCount {
                        unsafe addPaths(
                            copies, count: (filled + 7) / 8 * 8, tree: tree,
                            insertionAware: insertionAware, &paths, to: blockSums)
                    }
                    for row in 0..<filled { unsafe sums[first + row] = blockSums[row] }
                }
            }
        }
    }

    /// Calls `body` with each row's number and its square distance from the nearest reference,
    /// `block` rows at a time.
    func squares(
        rows: UnsafePointer<Float>, count: Int, block: Int, _ seeker: Seeker,
        _ body: (Int, Float) -> Void
    ) {
        // SAFETY: the scratch has space for `block` copied rows, their least squares by lane, and
        // half of their own; `block` is a multiple of 8.
        unsafe withUnsafeTemporaryAllocation(
            of: SIMD8<Float>.self, capacity: block * (width + 1) + block / 8
        ) { scratch in
            unsafe scratch.initialize(repeating: .zero)
            let copies = scratch.baseAddress!
            let least = unsafe copies + block * width
            let halves = unsafe UnsafeMutableRawPointer(least + block)
                .assumingMemoryBound(to: Float.self)
            for first in stride(from: 0, to: count, by: block) {
                let filled = min(block, count - first)
                unsafe reader.read(
                    rows + first * reader.columnCount, count: filled, into: copies)
                unsafe seeker.nearest(copies, count: filled, halves: halves, least: least)
                for row in 0..<filled { unsafe body(first + row, 2 * least[row].min()) }
            }
        }
    }
}
