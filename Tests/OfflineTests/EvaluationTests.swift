import TestKit
import Testing

@testable import Offline

/// The area under the ROC curve.
struct EvaluationTests {
    @Test(
        arguments: [
            ([3, 4], [1, 2], 1.0), ([1, 2], [3, 4], 0), ([1, 1], [1, 1, 1], 0.5),
            ([2, 4], [1, 3], 0.75), ([2], [1, 2, 3], 0.5),
            ([5, 2, 2], [2, 1], 0.8333333333333334),
        ] as [([Float], [Float], Double)])
    func theAreaIsThatOfTheRanks(positives: [Float], negatives: [Float], area: Double) {
        let found = Evaluator.rankAUC(positives, negatives)
        #expect(found.map { abs($0 - area) < 1e-12 } == true, "\(String(describing: found))")
    }

    @Test func withoutBothKindsThereIsNone() {
        #expect(Evaluator.rankAUC([], [1]) == nil && Evaluator.rankAUC([1], []) == nil)
    }

    /// The definition: the share of pairs in which the positive scores higher, ties counting half.
    @Test(arguments: 1...20)
    func theAreaIsTheShareOfOrderedPairs(seed: Int) {
        var generator = SeededGenerator(seed: UInt64(seed))
        func scores() -> [Float] {
            (0..<Int.random(in: 1...60, using: &generator)).map { _ in
                Float(Int.random(in: 0...15, using: &generator)) / 8
            }
        }
        let (positives, negatives) = (scores(), scores())
        var sum = 0.0
        for positive in positives {
            for negative in negatives {
                sum += positive > negative ? 1 : positive == negative ? 0.5 : 0
            }
        }
        let expected = sum / Double(positives.count * negatives.count)
        let found = Evaluator.rankAUC(positives, negatives)
        #expect(found.map { abs($0 - expected) < 1e-9 } == true)
    }
}
