import TestKit
import Testing

@testable import AnomalyModel

struct CalibrationTests {
    /// Scores whose stretched values are exponentially distributed, so the tail is known.
    private func exponential(_ count: Int, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            let uniform = Double.random(in: Double.leastNonzeroMagnitude..<1, using: &generator)
            // s = 1 - exp(-y), y exponential with mean 0.1.
            return Float(1 - pow(uniform, 0.1))
        }
    }

    private func pow(_ base: Double, _ exponent: Double) -> Double {
        // 1/10th power by Newton's method: keeps the test free of a C library.
        var root = base > 0 ? 0.9 : 0
        for _ in 0..<200 where root > 0 {
            var ninth = 1.0
            for _ in 0..<9 { ninth *= root }
            root -= (ninth * root - base) / (10 * ninth)
        }
        return root
    }

    @Test func theFittedTailExtrapolatesBeyondTheData() {
        let calibration = Calibration(
            blockMaxima: exponential(20_000, seed: 1), blocksPerDay: 20_000)
        // The true probability of reaching s is (1 - s)^10.
        for (score, chance) in [(Float(0.5), 0.000977), (0.6, 0.000105)] {
            let p = calibration.pValue(score)
            #expect(p > chance / 5 && p < chance * 5, "\(score): \(p), not about \(chance)")
        }
    }

    @Test func theThresholdKeepsTheBudgetOnUnseenData() {
        let calibration = Calibration(blockMaxima: exponential(3000, seed: 2), blocksPerDay: 1000)
        // Ten alarms in a thousand blocks.
        let threshold = calibration.threshold(falseAlarmsPerDay: 10)
        let fresh = exponential(50_000, seed: 3).count { $0 >= threshold }
        #expect(fresh > 200 && fresh < 1000, "\(fresh) of 50,000, not about 500")
        #expect(calibration.threshold(falseAlarmsPerDay: 1) > threshold)
    }

    @Test func pValuesFallAsScoresRise() {
        let calibration = Calibration(blockMaxima: exponential(500, seed: 4), blocksPerDay: 1000)
        var last = 1.1
        for step in 0...100 {
            let p = calibration.pValue(Float(step) / 100)
            #expect(p <= last + 1e-9 && p >= 0)
            last = p
        }
    }

    @Test func withoutDataTheResultsAreFinite() {
        for maxima in [[], [Float(0.4)]] {
            let calibration = Calibration(blockMaxima: maxima, blocksPerDay: 100)
            let threshold = calibration.threshold(falseAlarmsPerDay: 1)
            #expect(threshold.isFinite && threshold >= 0 && threshold <= 1)
        }
    }
}
