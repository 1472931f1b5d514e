import Testing

@testable import IsolationForest

@Suite struct FitTests {
    @Test func everyTreeIsValid() throws {
        var options = IsolationForest.Options(seed: 3)
        options.treeCount = 30
        // Small integers, so that rows repeat and columns become constant on the way down.
        let rows = Samples.bell(rows: 400, columns: 6, seed: 5).map { $0.rounded() }
        let forest = try IsolationForest(rows: rows, columnCount: 6, options: options)
        #expect(forest.sampleSize == 256)
        #expect(forest.heightLimit == 8)
        for tree in 0..<forest.treeCount {
            let range = Int(forest.treeStarts[tree])..<Int(forest.treeStarts[tree + 1])
            #expect(forest.rowCounts[range.lowerBound] == 256)
            for place in range {
                let node = forest.nodes[place]
                guard !node.isLeaf(at: place - range.lowerBound) else { continue }
                let left = range.lowerBound + Int(node.left)
                #expect(left + 1 < range.upperBound)
                #expect(
                    forest.rowCounts[left] + forest.rowCounts[left + 1] == forest.rowCounts[place])
                #expect(min(forest.rowCounts[left], forest.rowCounts[left + 1]) > 0)
            }
            #expect(forest.treeDepths[tree] <= 8)
        }
    }

    @Test func aLeafAboveTheHeightLimitContainsOneRowOrEqualRows() throws {
        var options = IsolationForest.Options(seed: 3)
        options.treeCount = 5
        options.heightLimit = 64
        let rows = Samples.bell(rows: 100, columns: 2, seed: 5).map { $0.rounded() }
        let forest = try IsolationForest(rows: rows, columnCount: 2, options: options)
        let distinct = Set((0..<100).map { rows[(2 * $0)..<(2 * $0 + 2)] })
        for tree in 0..<5 {
            let range = Int(forest.treeStarts[tree])..<Int(forest.treeStarts[tree + 1])
            let leaves = range.filter { forest.nodes[$0].isLeaf(at: $0 - range.lowerBound) }
            #expect(leaves.count == distinct.count)
        }
    }

    @Test func trainingRowsAreInTheirBoxes() throws {
        // The sample is all rows, so no row is cut off anywhere, and both scores agree.
        let rows = Samples.bell(rows: 200, columns: 9, seed: 5).map { $0 * 1e6 }
        let forest = try IsolationForest(rows: rows, columnCount: 9, options: .init(seed: 3))
        let classic = forest.scores(rows: rows, scoring: .classic)
        for (one, other) in zip(forest.scores(rows: rows), classic) {
            #expect(abs(one - other) < 1e-5)
        }
    }

    @Test func samplesAreWithoutReplacement() {
        for (count, bound) in [(256, 257), (256, 100_000), (10, 10), (1, 5), (2, 3)] {
            var generator = SeededGenerator(seed: 1, stream: 1)
            let picked = generator.sample(count, of: bound)
            #expect(picked.count == count)
            #expect(Set(picked).count == count)
            #expect(picked.allSatisfy { (0..<bound).contains($0) })
        }
    }

    @Test func everyRowIsSampledAboutAsOften() {
        var hits = [Int](repeating: 0, count: 100)
        for stream in 0..<4000 {
            var generator = SeededGenerator(seed: 8, stream: UInt64(stream))
            for row in generator.sample(20, of: 100) { hits[row] += 1 }
        }
        // 800 each, with a deviation of 25.
        #expect(hits.allSatisfy { (675...925).contains($0) })
    }

    @Test func forestsOfNeighbouringSeedsHaveNoTreeInCommon() throws {
        let thresholds = try (1...3).map { seed in
            let forest = try Samples.forest(seed: UInt64(seed))
            return Set(forest.treeStarts.dropLast().map { forest.nodes[Int($0)].threshold })
        }
        #expect(thresholds.allSatisfy { $0.count == 20 })
        #expect(thresholds[0].isDisjoint(with: thresholds[1]))
        #expect(thresholds[1].isDisjoint(with: thresholds[2]))
    }

    @Test func theForestDoesNotDependOnTheThreads() throws {
        let rows = Samples.bell(rows: 2000, columns: 12, seed: 5)
        var options = IsolationForest.Options(seed: 3)
        let one = try IsolationForest(rows: rows, columnCount: 12, options: options)
        for threads in [2, 3, 200] {
            options.threadCount = threads
            #expect(try IsolationForest(rows: rows, columnCount: 12, options: options) == one)
        }
        options.seed = 4
        #expect(try IsolationForest(rows: rows, columnCount: 12, options: options) != one)
    }

    @Test func aTreeSplitsOnlyOnItsOwnColumns() throws {
        var options = IsolationForest.Options(seed: 3)
        options.columnsPerTree = 2
        let rows = Samples.bell(rows: 300, columns: 10, seed: 5)
        let forest = try IsolationForest(rows: rows, columnCount: 10, options: options)
        var used: Set<UInt16> = []
        for tree in 0..<forest.treeCount {
            let range = Int(forest.treeStarts[tree])..<Int(forest.treeStarts[tree + 1])
            let own = Set(
                range.filter { !forest.nodes[$0].isLeaf(at: $0 - range.lowerBound) }
                    .map { forest.nodes[$0].column })
            #expect(own.count == 2)
            used.formUnion(own)
        }
        #expect(used.count == 10)
    }

    @Test func constantColumnsAreNeverSplitAndDuplicatesChangeNothingElse() throws {
        var rows = Samples.bell(rows: 300, columns: 4, seed: 5)
        for row in 0..<300 {
            rows[4 * row + 1] = 7
            rows[4 * row + 3] = rows[4 * row]
        }
        let forest = try IsolationForest(rows: rows, columnCount: 4, options: .init(seed: 3))
        for (place, node) in forest.nodes.enumerated() where node.threshold.isFinite {
            #expect(node.column != 1, "\(place)")
        }
        #expect(forest.classicScore([0, 7, 0, 0]) == forest.classicScore([0, 99, 0, 0]))
        #expect(forest.score([0, 99, 0, 0]) > 0.99)
    }

    @Test func extremeRangesNeitherOverflowNorLoop() throws {
        var rows = [Float](repeating: 0, count: 64)
        for row in 0..<32 {
            rows[2 * row] = row.isMultiple(of: 2) ? .infinity : -.infinity
            rows[2 * row + 1] = row.isMultiple(of: 2) ? 1 : Float(1).nextUp
        }
        let forest = try IsolationForest(rows: rows, columnCount: 2, options: .init(seed: 3))
        let scores = forest.scores(rows: rows)
        #expect(scores.allSatisfy { $0.isFinite && $0 > 0 && $0 < 1 })
        let tiny = (0..<64).map { Float.leastNonzeroMagnitude * Float($0 % 3) }
        let small = try IsolationForest(rows: tiny, columnCount: 2, options: .init(seed: 3))
        #expect(small.scores(rows: tiny + [1, 1]).allSatisfy { $0.isFinite })
    }

    @Test func invalidTablesAndOptionsAreRefused() throws {
        let rows: [Float] = [1, 2, 3, 4, 5, 6]
        let options = IsolationForest.Options(seed: 1)
        for columns in [-1, 0, 4, 5, 6, 4097] {
            #expect(throws: ForestError.badShape(valueCount: 6, columnCount: columns)) {
                try IsolationForest(rows: rows, columnCount: columns, options: options)
            }
        }
        func expectRefused(_ name: String, _ change: (inout IsolationForest.Options) -> Void) {
            var options = options
            change(&options)
            #expect(throws: ForestError.badOption(name)) {
                try IsolationForest(rows: rows, columnCount: 3, options: options)
            }
        }
        expectRefused("treeCount") { $0.treeCount = 0 }
        expectRefused("treeCount") { $0.treeCount = 65_536 }
        expectRefused("treeCount") {
            $0.treeCount = 16_385
            $0.sampleSize = 32_768
        }
        expectRefused("sampleSize") { $0.sampleSize = 1 }
        expectRefused("sampleSize") { $0.sampleSize = 32_769 }
        expectRefused("heightLimit") { $0.heightLimit = 0 }
        expectRefused("heightLimit") { $0.heightLimit = 65 }
        expectRefused("columnsPerTree") { $0.columnsPerTree = 4 }
        expectRefused("resolution") { $0.resolution = [1, 1] }
        expectRefused("resolution") { $0.resolution = [1, 1, .nan] }
        expectRefused("resolution") { $0.resolution = [1, 1, -1] }
        expectRefused("threadCount") { $0.threadCount = 0 }
        _ = try IsolationForest(rows: rows, columnCount: 3, options: options)
    }
}
