import Testing

@testable import IsolationForest

@Suite struct AttributionTests {
    /// Rows of 20 columns: normal distributions, integers, heavy tails, and four constant columns.
    private static func training() -> [Float] {
        var rows = Samples.bell(rows: 1000, columns: 20, seed: 4)
        for index in rows.indices {
            switch index % 20 {
            case 0..<4: rows[index] = 2
            case 4..<8: rows[index] = rows[index].rounded()
            case 8..<12: rows[index] *= rows[index]
            default: break
            }
        }
        return rows
    }

    @Test func theAnomalousColumnHasTheGreatestShare() throws {
        let rows = Self.training()
        let forest = try IsolationForest(rows: rows, columnCount: 20, options: .init(seed: 2))
        var shares: [Float] = []
        var first = 0
        var agreed = 0
        for trial in 0..<400 {
            let planted = trial % 20
            var row = Array(rows[(20 * trial)..<(20 * trial + 20)])
            row[planted] = planted < 12 && planted >= 8 ? 40 : (trial < 200 ? 8 : -8)
            let score = forest.attribute(row, into: &shares)
            #expect(score == forest.score(row))
            #expect(abs(shares.reduce(0, +) - 1) < 1e-5)
            #expect(shares.allSatisfy { $0 >= 0 })
            let top = shares.firstIndex(of: shares.max()!)!
            first += top == planted ? 1 : 0
            // The column whose replacement by its median lowers the score most.
            let lowered = (0..<20).map { column in
                var without = row
                without[column] = .nan
                return score - forest.score(without)
            }
            agreed += lowered.firstIndex(of: lowered.max()!) == top ? 1 : 0
        }
        #expect(first >= 380, "\(first) of 400")
        #expect(agreed >= 380, "\(agreed) of 400")
    }

    @Test func twoAnomalousColumnsHaveTheGreatestShares() throws {
        let rows = Self.training()
        let forest = try IsolationForest(rows: rows, columnCount: 20, options: .init(seed: 2))
        var shares: [Float] = []
        var row = [Float](repeating: 0, count: 20)
        for column in 0..<4 { row[column] = 2 }
        row[13] = 9
        row[17] = -9
        _ = forest.attribute(row, into: &shares)
        #expect(shares[13] > 0.3)
        #expect(shares[17] > 0.3)
    }

    @Test func savingsAddUpToTheWholeShortening() throws {
        // A row at the centre of identical rows: nothing shortens its path.
        let forest = try IsolationForest(
            rows: [Float](repeating: 3, count: 600), columnCount: 2, options: .init(seed: 1))
        var shares: [Float] = []
        _ = forest.attribute([3, 3], into: &shares)
        #expect(shares == [0.5, 0.5])
        _ = forest.attribute([3, 4], into: &shares)
        #expect(shares == [0, 1])
    }
}
