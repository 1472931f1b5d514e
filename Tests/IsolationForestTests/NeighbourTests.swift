import Testing

@testable import IsolationForest

@Suite struct NeighbourTests {
    /// A forest of which every training row is a reference.
    private func forest(
        _ rows: [Float], columns: Int, trees: Int = 40, resolution: [Float] = []
    ) throws -> IsolationForest {
        var options = IsolationForest.Options(seed: 1)
        options.treeCount = trees
        options.referenceCount = rows.count / columns
        options.resolution = resolution
        return try IsolationForest(rows: rows, columnCount: columns, options: options)
    }

    /// The neighbour-aware score by its definition, for at most 256 references, in `Double`.
    private func expected(
        _ row: [Float], references: [[Float]], path: Double, resolution: [Float]
    ) -> Double {
        func squash(_ row: [Float]) -> [Double] {
            row.indices.map { column in
                let values = references.map { Double($0[column]) }
                let mean = values.reduce(0, +) / Double(values.count)
                let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
                let spread = (variance / Double(values.count)).squareRoot()
                let t = (Double(row[column]) - mean) / (spread + Double(resolution[column]))
                return t / (1 + abs(t) / 4)
            }
        }
        func square(_ a: [Double], _ b: [Double]) -> Double {
            zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        }
        let places = references.map(squash)
        let rank = max(2, Int((Double(places.count) * 0.05).rounded()))
        let floors = places.indices.map { this in
            let others = places.indices.filter { $0 != this }.map {
                square(places[$0], places[this])
            }
            return others.sorted()[rank - 1] * 0.4 * 0.4
        }
        func nearest(_ place: [Double], without: Int?) -> Double {
            places.indices.filter { $0 != without }
                .map { max(square(places[$0], place), floors[$0]) }.min()!
        }
        let all = places.indices.map { nearest(places[$0], without: $0) }.sorted()
        let ratio = nearest(squash(row), without: nil) / all[(all.count - 1) / 2]
        let exponent = path - 1 - 0.25 * PathLength.naturalLogarithm(ratio)
        let power = PathLength.powerOfHalf(abs(exponent))
        return exponent < 0 ? 1 / (1 + power) : power / (power + 1)
    }

    @Test(arguments: [1, 3, 8, 20], [33, 64, 250])
    func theScoreFollowsItsDefinition(columns: Int, count: Int) throws {
        let resolution = (0..<columns).map { Float($0 % 3) * 0.25 }
        let rows = Samples.bell(rows: count, columns: columns, seed: 6)
        let forest = try forest(rows, columns: columns, resolution: resolution)
        let references = stride(from: 0, to: rows.count, by: columns).map {
            Array(rows[$0..<$0 + columns])
        }
        let probes = Samples.bell(rows: 12, columns: columns, seed: 8).map { $0 * 2 }
        for start in stride(from: 0, to: probes.count, by: columns) {
            let row = Array(probes[start..<start + columns])
            let path = -PathLength.naturalLogarithm(Double(forest.score(row))) / 0.693_147_180_56
            let score = expected(row, references: references, path: path, resolution: resolution)
            #expect(abs(Double(forest.neighbourScore(row)) - score) < 2e-3)
        }
    }

    @Test(arguments: [1, 7, 8, 9, 33], [2, 31, 32, 33, 200])
    func aBatchYieldsTheScoresOfSingleRows(columns: Int, references: Int) throws {
        let forest = try Samples.forest(columns: columns, trees: 9, references: references)
        let rows = Samples.bell(rows: 203, columns: columns, seed: 5).map { $0 * 3 }
        let single = stride(from: 0, to: rows.count, by: columns).map {
            forest.neighbourScore(Array(rows[$0..<($0 + columns)]))
        }
        for threads in [1, 2, 3, 64] {
            #expect(
                forest.scores(rows: rows, scoring: .neighbourAware, threadCount: threads) == single)
        }
    }

    @Test func aRowInEveryRangeButUnlikeAnyTrainingRowStandsOut() throws {
        // Eight columns that rise and fall together; the probe has four high and four low.
        let steps = Samples.bell(rows: 500, columns: 9, seed: 4)
        var rows: [Float] = []
        for row in 0..<500 {
            for column in 0..<8 {
                rows.append(steps[9 * row] + 0.2 * steps[9 * row + 1 + column])
            }
        }
        let forest = try forest(rows, columns: 8, trees: 100)
        let probe = (0..<8).map { Float($0 < 4 ? 1 : -1) }
        let usual = stride(from: 0, to: rows.count, by: 8).map { Array(rows[$0..<$0 + 8]) }
        #expect(usual.map { forest.neighbourScore($0) }.max()! < forest.neighbourScore(probe))
        #expect(usual.map { forest.score($0) }.max()! > forest.score(probe))
    }

    @Test func aTrainingRowUnlikeTheOthersIsNotUsual() throws {
        let outlier: [Float] = [2.5, -2.5, 2.5, -2.5]
        let rows = Samples.bell(rows: 200, columns: 4, seed: 4) + outlier
        let forest = try forest(rows, columns: 4)
        let others = forest.scores(rows: Array(rows.dropLast(4)), scoring: .neighbourAware)
        #expect(others.sorted()[190] < forest.neighbourScore(outlier))
    }

    @Test func theSmallestDeviationFromAConstantCountsUnlessTheResolutionIsLarger() throws {
        var rows = Samples.bell(rows: 200, columns: 3, seed: 4)
        for row in 0..<200 { rows[3 * row + 1] = 7 }
        let exact = try forest(rows, columns: 3)
        let usual = exact.neighbourScore([0, 7, 0])
        #expect(exact.neighbourScore([0, 7.0001, 0]) > usual + 0.1)
        let coarse = try forest(rows, columns: 3, resolution: [0, 10, 0])
        #expect(
            abs(coarse.neighbourScore([0, 7.0001, 0]) - coarse.neighbourScore([0, 7, 0])) < 0.01)
    }

    @Test func everyFourthTreeHasBoxes() throws {
        let plain = try Samples.forest()
        let forest = try Samples.forest(references: 64)
        #expect(forest.nodes == plain.nodes)
        for tree in 0..<forest.treeCount {
            let range = Int(forest.treeStarts[tree])..<Int(forest.treeStarts[tree + 1])
            #expect(forest.boxNumbers[range].contains { $0 >= 0 } == tree.isMultiple(of: 4))
        }
        #expect(forest.memoryByteCount < plain.memoryByteCount)
        #expect(plain.referenceCount == 0)
    }

    @Test func unknownAndInfiniteValuesHaveAScore() throws {
        var rows = Samples.bell(rows: 200, columns: 3, seed: 5)
        rows[7] = .nan
        rows[100] = .infinity
        rows[200] = -.greatestFiniteMagnitude
        for row in 0..<200 { rows[3 * row + 2] = .nan }
        let forest = try forest(rows, columns: 3)
        let probes: [[Float]] = [
            [.nan, .nan, .nan], [.infinity, 0, 0], [0, -.infinity, 1],
            [0, 0, .greatestFiniteMagnitude],
        ]
        for probe in probes {
            let score = forest.neighbourScore(probe)
            #expect(score > 0 && score < 1)
        }
        #expect(
            forest.neighbourScore([0, 0, 0x1p124]) == forest.neighbourScore([0, 0, .infinity]))
    }

    @Test(arguments: [-1, 1, 32_769])
    func aCountOutOfRangeIsRefused(count: Int) {
        #expect(throws: ForestError.badOption("referenceCount")) {
            try Samples.forest(references: count)
        }
    }

    @Test func thereAreNoMoreReferencesThanRows() throws {
        #expect(try Samples.forest(rows: 20, references: 1000).referenceCount == 20)
        #expect(try Samples.forest(rows: 2, references: 1000).referenceCount == 2)
    }
}
