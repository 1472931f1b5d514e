import StatusReport
import Testing

@testable import Monitor

/// Scores of the last 24 hours, in bounded memory for any number of workloads.
struct ScoreHistoryTests {
    private let start = 1_700_000_040

    @Test func theHighestScoreOfEachMinuteIsKept() {
        let history = ScoreHistory()
        history.record("web", score: 0.5, second: start)
        history.record("web", score: 0.8, second: start + 1)
        history.record("web", score: 0.6, second: start + 120)
        let rows = history.rows(of: 4, until: start + 179)
        #expect(rows.count == 1 && rows[0].workload == "web")
        #expect(rows[0].scores == [0, 80, 0, 60])
        #expect(history.rows(of: 1, until: start + 180).isEmpty)
    }

    @Test func scoresOlderThanADayAreForgotten() {
        let history = ScoreHistory()
        history.record("web", score: 0.9, second: start)
        let day = start + 86_400
        #expect(history.rows(of: 1440, until: day - 60).first?.scores.first == 90)
        #expect(history.rows(of: 1440, until: day).isEmpty)
        // Later than the last query, and out of order.
        history.record("db", score: 0.7, second: day + 3600)
        history.record("web", score: 0.4, second: day)
        history.record("old", score: 0.4, second: start)
        #expect(history.rows(of: 1440, until: day + 3600).map(\.workload) == ["db", "web"])
    }

    @Test func atMostFiveThousandWorkloadsAreKept() {
        let history = ScoreHistory()
        for number in 0..<6000 {
            for minute in stride(from: 0, to: 1440, by: 240) {
                history.record("w\(number)", score: 0.8, second: start + 60 * minute)
            }
        }
        let rows = history.rows(of: 1440, until: start + 60 * 1439)
        #expect(rows.count <= ScoreHistory.workloadLimit && rows.count > 4000)
        #expect(rows.allSatisfy { $0.scores.count == 1440 })
    }
}
