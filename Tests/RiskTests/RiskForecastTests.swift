import TestKit
import Testing

@testable import Risk

struct RiskForecastTests {
    /// The share of generated histories whose score in seven days is in the interval.
    private func coverage(_ kind: GeneratedHistory, days: Int, missing: Double = 0) -> Double {
        var generator = SeededGenerator(seed: 11)
        var hits = 0
        let repetitions = 300
        for _ in 0..<repetitions {
            let scores = kind.scores(days + RiskForecast.horizon, &generator)
            let known: [Double?] = scores.prefix(days).map {
                Double.random(in: 0..<1, using: &generator) < missing ? nil : $0
            }
            guard let forecast = RiskForecast(known), let last = scores.last else { continue }
            if (forecast.lower...forecast.upper).contains(last) { hits += 1 }
        }
        return Double(hits) / Double(repetitions)
    }

    /// The kinds that the model is for: 80 % is within the band of what 300 histories can show.
    @Test(arguments: [GeneratedHistory.flat, .linear, .week, .walk, .incidents])
    func theIntervalHoldsFourTimesOfFive(_ kind: GeneratedHistory) {
        for days in [28, 42] {
            let share = coverage(kind, days: days)
            #expect((0.72...0.92).contains(share), "\(kind) of \(days) days: \(share)")
        }
        let gaps = coverage(kind, days: 42, missing: 0.2)
        #expect((0.72...0.94).contains(gaps), "\(kind) with gaps: \(gaps)")
    }

    /// What the documentation says of a step: the days before it do not know the days after it.
    @Test func aStepIsForecastWorse() {
        let share = coverage(.step, days: 28)
        #expect((0.6...0.92).contains(share), "\(share)")
    }

    @Test func fewDaysOrOldOnesAreNoForecast() {
        #expect(RiskForecast(Array(repeating: 10, count: RiskForecast.least - 1)) == nil)
        #expect(
            RiskForecast(Array(repeating: 10, count: 20) + Array(repeating: nil, count: 7)) == nil)
        #expect(RiskForecast([]) == nil)
        #expect(RiskForecast(Array(repeating: nil, count: 100)) == nil)
        let constant = RiskForecast(Array(repeating: 10, count: 30))
        #expect(constant?.expected == 10 && constant.map { $0.upper - $0.lower < 3 } == true)
        let odd = RiskForecast((0..<30).map { $0 == 3 ? .nan : $0 == 9 ? .infinity : 50 })
        #expect(odd.map { abs($0.expected - 50) < 1 } == true, "\(String(describing: odd))")
        let rising = RiskForecast((0..<30).map { Double($0) * 2 })
        #expect(rising.map { $0.expected > 62 && $0.upper <= 100 } == true)
    }

    private func day(_ number: Int, _ score: Double, peers: Int = 0) -> RiskDay {
        var day = RiskDay(day: number, score: score)
        day.newOutsidePeers = peers
        return day
    }

    @Test func theTrendNamesWhatDrivesIt() {
        var history = (0..<10).map { day(100 + $0, 10) }
        history += [day(110, 18, peers: 2), day(111, 22, peers: 1), day(112, 25, peers: 4)]
        #expect(RiskTrend(history, today: 112).text == "rising: new outside peers 3 days in a row")
        // The day that has only begun does not end the row; one without peers does.
        #expect(RiskTrend(history, today: 113).direction == .unknown)
        let next = RiskTrend(history + [day(113, 25)], today: 113)
        #expect(next.text == "rising: new outside peers 3 days in a row", "\(next.text)")
        #expect(
            !RiskTrend(history + [day(113, 25), day(114, 25)], today: 114).text.contains("row"))
        var findings = (0..<9).map { day($0, 30) }
        for index in findings.indices { findings[index].findings = index < 8 ? 3 : 1 }
        findings[8].score = 12
        #expect(RiskTrend(findings, today: 8).text == "falling: severe findings from 3 to 1")
        #expect(RiskTrend((0..<9).map { day($0, 30) }, today: 8).text == "steady")
        // Days of the future, from which the clock was set back, are left out.
        let past = RiskTrend(history + [day(9000, 99)], today: 112)
        #expect(past.direction == .rising && past.scores.last == 25)
        #expect(past.scores.count == RiskTrend.days)
        #expect(RiskTrend([], today: 5).direction == .unknown)
    }

    @Test func aDayKeepsItsHighest() {
        var factors = RiskFactors(workload: "web")
        factors.incidents = [
            RiskFactors.Incident(
                id: "a", summary: "", severity: .high, isProven: true, ageDays: 0.4),
            RiskFactors.Incident(
                id: "b", summary: "", severity: .high, isProven: true, ageDays: 0.6),
        ]
        factors.newOutsidePeers = 3
        let noon = RiskDay(day: 7, secondOfDay: 43_200, factors, RiskScore(factors))
        #expect(noon.incidents == 1 && noon.newOutsidePeers == 3 && noon.findings == nil)
        factors.incidents = []
        factors.newOutsidePeers = 0
        factors.posture = RiskFactors.Posture()
        let night = noon.merged(
            with: RiskDay(day: 7, secondOfDay: 80_000, factors, RiskScore(factors)))
        #expect(night.score == noon.score && night.incidents == 1 && night.newOutsidePeers == 3)
        #expect(night.findings == 0)
    }
}
