import IsolationForest
import Testing

/// Operators' answers as leans of the leaves.
struct ForestLeansTests {
    private let forest: IsolationForest
    private let usual: [Float] = [0, 0, 0, 0, 0]

    init() throws { forest = try Samples.forest(trees: 100) }

    private func odd(_ column: Int, _ value: Float) -> [Float] {
        var row = usual
        row[column] = value
        return row
    }

    private func leans(_ answers: [([Float], Bool)]) -> ForestLeans {
        ForestLeans(answers.map { .init(row: $0.0, isAnomaly: $0.1) }, of: forest)
    }

    private func place(_ row: [Float], _ leans: ForestLeans) -> Float {
        forest.score(row) + ForestLeans.weight * leans.lean(of: row, in: forest)
    }

    @Test func withoutAnswersNoRowLeans() {
        let none = leans([])
        for row in [usual, odd(0, 3), odd(1, -9)] {
            #expect(none.lean(of: row, in: forest) == 0)
        }
        #expect(none.answerCount == 0)
    }

    @Test func tenAnswersReorder() {
        let (first, second) = (odd(0, 5), odd(1, 4))
        #expect(forest.score(first) > forest.score(second))
        let said = leans((0..<5).flatMap { _ in [(first, false), (second, true)] })
        #expect(place(first, said) < place(second, said))
        // Rows that are like the answered ones, too.
        #expect(place(odd(0, 4.9), said) < place(odd(1, 3.9), said))
    }

    @Test func noAnswersMoveARowBeyondTheBound() {
        let rows = Samples.bell(rows: 400, columns: 5, seed: 3).map { 2 * $0 }
        let all = (0..<400).map { Array(rows[5 * $0..<5 * $0 + 5]) }
        for isAnomaly in [false, true] {
            let said = leans((all + all + all).map { ($0, isAnomaly) })
            for row in all {
                let lean = said.lean(of: row, in: forest)
                #expect(isAnomaly ? (0...1).contains(lean) : (-1...0).contains(lean))
                #expect(abs(place(row, said) - forest.score(row)) <= ForestLeans.weight + 1e-6)
            }
        }
    }

    @Test func everyFurtherAnswerMovesAllRowsItsWayOrNotAtAll() {
        let rows = Samples.bell(rows: 60, columns: 5, seed: 4).map { 2 * $0 }
        let all = (0..<60).map { Array(rows[5 * $0..<5 * $0 + 5]) }
        for isAnomaly in [false, true] {
            var answers: [([Float], Bool)] = [(all[0], true), (all[1], false)]
            var before = all.map { leans(answers).lean(of: $0, in: forest) }
            for row in all.prefix(12) {
                answers.append((row, isAnomaly))
                let said = leans(answers)
                let after = all.map { said.lean(of: $0, in: forest) }
                #expect(
                    zip(before, after).allSatisfy {
                        isAnomaly ? $0.1 >= $0.0 - 1e-6 : $0.1 <= $0.0 + 1e-6
                    })
                #expect(before != after)
                before = after
            }
        }
    }

    @Test func benignAnswersLowerNeitherAStrongerAttackNorAnother() {
        let said = leans((0..<10).map { _ in (odd(0, 10), false) })
        #expect(said.lean(of: odd(0, 10), in: forest) < -0.9)
        // What goes further than the answered row is not lowered.
        for value: Float in [11, 20, 40] {
            #expect(said.lean(of: odd(0, value), in: forest) > -0.2, "\(value)")
        }
        // Nor another attack, alone or together with the one that was answered.
        var both = odd(0, 10)
        both[3] = -10
        for row in [odd(1, 10), odd(2, -10), both] {
            #expect(place(row, said) > place(odd(0, 10), said) + 0.05)
        }
    }

    @Test func leansDependOnNothingButTheAnswersThatAreLeft() {
        let answers = [
            (odd(0, 5), false), (odd(1, 4), true), (odd(0, 6), false), (odd(2, 2), true),
        ]
        let kept = leans(Array(answers.prefix(2)))
        #expect(leans(answers) != kept)
        #expect(leans(Array(answers.prefix(2).reversed())) == kept)
        #expect(leans(Array(answers.reversed())) == leans(answers))
        // An answer and its contrary cancel.
        let both = leans([(odd(0, 5), false), (odd(0, 5), true)])
        #expect(both.lean(of: odd(0, 5), in: forest) == 0)
    }
}
