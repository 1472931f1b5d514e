import FeatureExtraction
import TestKit
import Testing

@testable import AnomalyModel

/// Shortcuts that must not change a result.
struct OrdinaryAmountsTests {
    private static let factors: [Float] = [
        0, 0.5, 0.99, 0.9989, 0.9991, 0.99999, 1, 1.00001, 1.001, 2,
    ]

    private func group(_ generator: inout SeededGenerator) -> GroupBaseline {
        let largest = FeatureSchema.table.map { description in
            let raw =
                description.transform == .linear
                ? Float.random(in: 0...3, using: &generator)
                : Bool.random(using: &generator)
                    ? 0 : Float.random(in: 0...1_000_000, using: &generator)
            return description.transformed(raw, seconds: 60)
        }
        return GroupBaseline(
            windowCount: 100, median: largest.map { $0 / 2 }, p99: largest, largest: largest)
    }

    @Test(arguments: Scale.allCases)
    func noAnomalousWindowIsOrdinary(scale: Scale) {
        var generator = SeededGenerator(seed: 11)
        let length = FeatureMeasure.length(seconds: scale.seconds)
        for _ in 0..<200 {
            let group = group(&generator)
            let amounts = OrdinaryAmounts(of: group, seconds: scale.seconds)
            for (column, measure) in FeatureSchema.measures.enumerated() {
                let top = max(group.largest[column], measure.ordinary) + measure.resolution
                let limit = measure.raw(top, length: length)
                for factor in Self.factors {
                    var values = FeatureValues(repeating: 0)
                    values[column] = limit * factor
                    let excess = RelativeVector.excess(
                        RelativeVector.transformed(values, seconds: scale.seconds), over: group)
                    let isAnomalous = excess.contains { $0 >= 1 }
                    let isOrdinary = amounts.contain(values)
                    #expect(!isAnomalous || !isOrdinary)
                    // What is clearly within the range needs no further look.
                    if factor <= 0.99 { #expect(isOrdinary) }
                    if factor >= 1.001 { #expect(isAnomalous) }
                }
            }
        }
    }

    @Test func whatIsNoNumberIsNotOrdinary() {
        var generator = SeededGenerator(seed: 12)
        let amounts = OrdinaryAmounts(of: group(&generator), seconds: 10)
        var values = FeatureValues(repeating: 0)
        #expect(amounts.contain(values))
        values[3] = .nan
        #expect(!amounts.contain(values))
    }

    @Test(arguments: 0..<60)
    func ranksAreThoseOfTheSortedValues(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let count = [1, 2, 3, 7, 24, 25, 26, 100, 1000, 5000][Int(seed) % 10]
        let zeros = Float.random(in: 0...1, using: &generator)
        let distinct = Float([1, 5, 1000, 1_000_000][Int(seed) / 10 % 4])
        var values = (0..<count).map { _ in
            Float.random(in: 0..<1, using: &generator) < zeros
                ? 0 : (Float.random(in: 0...distinct, using: &generator)).rounded()
        }
        if seed.isMultiple(of: 7) { values.sort() }
        if seed.isMultiple(of: 11) { values = values.map { $0 - 3 } }
        var sample = ColumnSample()
        sample.add(5)
        sample.removeAll()
        for value in values { sample.add(value) }
        let sorted = values.sorted()
        for rank in [count / 2, count / 2, min(count - 1, count * 99 / 100)] {
            #expect(sample.value(at: rank) == sorted[rank])
        }
        #expect(sample.largest() == sorted[count - 1])
    }
}
