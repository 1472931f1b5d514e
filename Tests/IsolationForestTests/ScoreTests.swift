import Testing

@testable import IsolationForest

@Suite struct ScoreTests {
    /// One tree over one column, grown from the rows 0, 1, 2 and 10:
    ///
    ///     < 4 ── < 0.5 ── 0
    ///      │       └───── 1, 2 (not split further)
    ///      └───── 10
    static var byHand: IsolationForest {
        var tree = Tree()
        tree.append(rows: 4, depth: 0)
        tree.nodes[0] = .init(threshold: 4, column: 0, left: 1)
        tree.append(rows: 3, depth: 1)
        tree.append(rows: 1, depth: 1)
        tree.nodes[1] = .init(threshold: 0.5, column: 0, left: 3)
        tree.append(rows: 1, depth: 2)
        tree.append(rows: 2, depth: 2)
        return IsolationForest(
            trees: [tree], columnCount: 1, sampleSize: 4, heightLimit: 2, resolution: [], fill: [1])
    }

    @Test(arguments: [(10, 1.0), (4, 1.0), (3.9, 3.0), (0.5, 3.0), (0.4, 2.0), (-50, 2.0)])
    func theClassicScoreFollowsTheDefinition(value: Float, path: Double) {
        // c(4) = 2 (ln 3 + γ) − 2 × 3 / 4; a leaf of two rows adds c(2) = 1 to its depth of 2.
        let expected = PathLength.powerOfHalf(path / 1.851_655_907_139_285)
        #expect(abs(Double(Self.byHand.classicScore([value])) - expected) < 1e-6)
    }

    @Test func aRowIsCutOffWithTheDefinedProbability() throws {
        // Sixteen rows, alternating 0 and 3: the root is the only box, [0, 3].
        var options = IsolationForest.Options(seed: 1)
        options.treeCount = 1
        options.resolution = [1]
        let rows: [Float] = (0..<16).map { $0.isMultiple(of: 2) ? 0 : 3 }
        let forest = try IsolationForest(rows: rows, columnCount: 1, options: options)
        let inner = 1 + PathLength.average(8)
        for (value, over) in [(3 as Float, 0.0), (0, 0), (1.5, 0), (4, 1), (7, 4), (-2, 2)] {
            // The boxes of the two leaves are points; both are passed only by their own rows.
            let root = over / (3 * Double(Box.share) + over + 1)
            let beyond = min(abs(value), abs(value - 3))
            let side = Double(value < forest.nodes[0].threshold ? abs(value) : beyond)
            let leaf = side / (side + 1)
            let path = (1 - root) * (leaf * 1 + (1 - leaf) * inner)
            let expected = PathLength.powerOfHalf(Double(path) / PathLength.average(16))
            #expect(abs(Double(forest.score([value])) - expected) < 1e-6)
        }
    }

    @Test func identicalRowsScoreOneHalf() throws {
        let forest = try IsolationForest(
            rows: [Float](repeating: 3, count: 600), columnCount: 2, options: .init(seed: 1))
        #expect(abs(forest.classicScore([3, 3]) - 0.5) < 1e-6)
        #expect(abs(forest.score([3, 3]) - 0.5) < 1e-6)
        #expect(forest.classicScore([9, 9]) == forest.classicScore([3, 3]))
        #expect(forest.score([3, 3.001]) == 1)
    }

    @Test func aDeviationOfTheResolutionCountsHalf() throws {
        var options = IsolationForest.Options(seed: 1)
        options.resolution = [0.5, 0]
        let forest = try IsolationForest(
            rows: [Float](repeating: 3, count: 600), columnCount: 2, options: options)
        #expect(abs(forest.score([3.5, 3]) - Float(0.5).squareRoot()) < 1e-6)
        #expect(abs(forest.score([2.5, 3]) - Float(0.5).squareRoot()) < 1e-6)
    }

    @Test func aRowOutsideTheTrainingRangeIsMoreAnomalous() throws {
        let forest = try Samples.forest(rows: 500, columns: 8, trees: 100)
        var row = [Float](repeating: 0, count: 8)
        var last = forest.score(row)
        #expect(last < 0.45)
        for value: Float in [5, 8, 12, 20, 50, 1000] {
            row[3] = value
            let score = forest.score(row)
            #expect(score > last)
            last = score
        }
        #expect(last > 0.9)
    }

    @Test func theExampleInTheDocumentationIsCorrect() throws {
        var rows: [Float] = []
        for second in 0..<600 {
            rows += [100 + Float(second * 37 % 101), 0.9 + 0.001 * Float(second * 53 % 71)]
        }
        var options = IsolationForest.Options(seed: 1)
        options.resolution = [1, 0.01]
        let forest = try IsolationForest(rows: rows, columnCount: 2, options: options)
        func percent(_ value: Float) -> Float { (value * 100).rounded() }
        #expect(percent(forest.score([150, 0.93])) == 48)
        #expect(percent(forest.score([150, 0.80])) == 95)
        #expect(percent(forest.score([150, 0.10])) == 99)
        #expect(percent(forest.classicScore([150, 0.10])) == 59)
        var shares: [Float] = []
        _ = forest.attribute([150, 0.80], into: &shares)
        #expect(shares == [0, 1])
    }

    @Test(arguments: [1, 7, 8, 9, 33], [1, 7, 8, 20, 128, 130, 257])
    func aBatchYieldsTheScoresOfSingleRows(columns: Int, trees: Int) throws {
        let forest = try Samples.forest(columns: columns, trees: trees)
        let rows = Samples.bell(rows: 1103, columns: columns, seed: 5).map { $0 * 3 }
        for scoring in [IsolationForest.Scoring.classic, .insertionAware] {
            let single = stride(from: 0, to: rows.count, by: columns).map {
                let row = Array(rows[$0..<($0 + columns)])
                return scoring == .classic ? forest.classicScore(row) : forest.score(row)
            }
            for threads in [1, 2, 3, 64] {
                #expect(
                    forest.scores(rows: rows, scoring: scoring, threadCount: threads) == single)
            }
        }
        #expect(forest.scores(rows: []) == [])
    }

    /// With fewer than eight rows no node has a box.
    @Test func aForestWithoutBoxesScoresByItsLeaves() throws {
        let forest = try Samples.forest(rows: 7, columns: 3, trees: 9)
        let rows = Samples.bell(rows: 20, columns: 3, seed: 5)
        #expect(forest.scores(rows: rows) == forest.scores(rows: rows, scoring: .classic))
        #expect(forest.score([9, 9, 9]) == forest.classicScore([9, 9, 9]))
    }

    @Test func unknownValuesCountAsTheMedianAndInfiniteOnesAsTheLargest() throws {
        let columns = 3
        var rows = Samples.bell(rows: 200, columns: columns, seed: 5)
        rows[7] = .nan
        rows[100] = .infinity
        rows[200] = -.infinity
        rows[301] = .greatestFiniteMagnitude
        for row in 0..<200 { rows[3 * row + 2] = .nan }
        let forest = try IsolationForest(rows: rows, columnCount: columns, options: .init(seed: 1))
        let median = (0..<2).map { column in
            let known = (0..<200).map { rows[3 * $0 + column] }.filter { !$0.isNaN }.sorted()
            return known[(known.count - 1) / 2]
        }
        let usual = forest.score([median[0], median[1], 0])
        #expect(forest.score([.nan, .nan, .nan]) == usual)
        #expect(forest.score([.nan, median[1], 0]) == usual)
        let far = forest.score([.infinity, 0, 0])
        #expect(far == forest.score([0x1p124, 0, 0]))
        #expect(far == forest.score([.greatestFiniteMagnitude, 0, 0]))
        #expect(far.isFinite && far > usual)
        let shares = forest.scores(rows: [.nan, .infinity, -.infinity, 0, 0, .nan])
        #expect(shares.allSatisfy { $0 > 0 && $0 <= 1 })
    }
}
