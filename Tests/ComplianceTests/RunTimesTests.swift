import Testing
import Timestamps

@testable import Compliance

struct RunTimesTests {
    private static let period = Timestamp(second: 10_000)..<Timestamp(second: 20_000)

    /// - Parameter rows: time and uptime in seconds.
    private func runs(_ rows: [(Int, Int64)]) -> RunTimes {
        var runs = RunTimes(Self.period)
        for (time, uptime) in rows {
            runs.add(Timestamp(second: time), uptime: .seconds(uptime), drops: 1)
        }
        runs.finish()
        return runs
    }

    private func gaps(_ rows: [(Int, Int64)]) -> [Range<Int>] {
        runs(rows).gaps.map { $0.lowerBound.second..<$0.upperBound.second }
    }

    @Test func theUptimeOfTheNextRowClosesAGap() {
        #expect(gaps([]) == [10_000..<20_000])
        // One run, of which rows were deleted.
        #expect(gaps([(25_000, 20_000)]).isEmpty)
        #expect(runs([(25_000, 20_000)]).covered == .seconds(10_000))
        #expect(gaps([(15_000, 9000), (20_000, 14_000)]).isEmpty)
        // A stop of 1000 s, and a restart within a minute.
        #expect(gaps([(14_000, 9000), (20_000, 5000)]) == [14_000..<15_000])
        #expect(gaps([(14_000, 9000), (20_000, 5950)]).isEmpty)
        // Nothing follows.
        #expect(gaps([(14_000, 9000)]) == [14_000..<20_000])
        #expect(gaps([(19_950, 19_000)]).isEmpty)
    }

    @Test func startsAndDropsOfEachRunCount() {
        let both = runs([(12_000, 1000), (13_000, 2000), (20_000, 6000)])
        #expect(both.starts == 2 && both.rows == 2)
        #expect(both.drops == 1)
        #expect(both.gapCount == 2)
    }

    /// A clock that was set back gives overlapping runs, which count once.
    @Test func overlappingRunsCountOnce() {
        let both = runs([(15_000, 5000), (15_100, 4000), (19_990, 8890)])
        #expect(both.covered <= .seconds(10_000))
        #expect(both.gaps.isEmpty, "\(both.gaps)")
    }

    @Test func manyGapsAreCountedAndSomeListed() {
        let many = runs((0..<39).map { (10_200 + $0 * 250, 10) })
        #expect(many.gapCount == 40 && many.gaps.count == Evidence.gapLimit)
    }
}
