import IsolationForest
import Testing

@Suite struct ScoreTests {
    @Test func aRowOutsideOfTheTrainingRangeIsOdder() throws {
        let rows = Samples.bell(rows: 500, columns: 8, seed: 1)
        let forest = try IsolationForest(rows: rows, columnCount: 8, options: .init(seed: 7))
        var far = [Float](repeating: 0, count: 8)
        far[3] = 12
        var shares: [Float] = []
        let score = forest.attribute(far, into: &shares)
        #expect(score > 0.6)
        #expect(score == forest.score(far))
        #expect(abs(shares.reduce(0, +) - 1) < 1e-5)
        #expect(shares.firstIndex(of: shares.max()!) == 3)
        #expect(forest.score([Float](repeating: 0, count: 8)) < 0.5)
    }

    @Test func aForestSurvivesItsEncoding() throws {
        let rows = Samples.bell(rows: 300, columns: 5, seed: 2)
        let forest = try IsolationForest(rows: rows, columnCount: 5, options: .init(seed: 7))
        #expect(try IsolationForest(decoding: forest.encoded()) == forest)
    }
}
