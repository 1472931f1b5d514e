import TestKit
import Testing

@testable import Risk

struct RiskScoreTests {
    private typealias Incident = RiskFactors.Incident

    private func factors(
        _ name: String = "web", _ change: (inout RiskFactors) -> Void = { _ in }
    ) -> RiskFactors {
        var factors = RiskFactors(workload: name)
        factors.runtime = RiskFactors.Runtime()
        factors.vulnerability = RiskFactors.Vulnerability()
        factors.posture = RiskFactors.Posture()
        factors.exposure.publishedPorts = 0
        change(&factors)
        return factors
    }

    private func score(_ change: (inout RiskFactors) -> Void) -> Double {
        RiskScore(factors("web", change)).value
    }

    private func incident(
        _ severity: Incident.Severity = .high, isProven: Bool = true, age: Double = 0,
        _ judgement: Incident.Judgement = .open
    ) -> Incident {
        Incident(
            id: "0123456789abcdef", summary: "port scan", severity: severity, isProven: isProven,
            ageDays: age, judgement: judgement)
    }

    /// Factors within and beyond what is sensible.
    private func random(_ generator: inout SeededGenerator) -> RiskFactors {
        func count() -> Int {
            Bool.random(using: &generator) ? 0 : Int.random(in: 1...30, using: &generator)
        }
        func days() -> Double { Double.random(in: 0...40, using: &generator) }
        func chance() -> Bool { Bool.random(using: &generator) }
        return factors("w\(Int.random(in: 0...9, using: &generator))") { factors in
            factors.incidents = (0..<Int.random(in: 0...4, using: &generator)).map { _ in
                incident(
                    Incident.Severity.allCases.randomElement(using: &generator) ?? .low,
                    isProven: chance(), age: days(),
                    Incident.Judgement.allCases.randomElement(using: &generator) ?? .open)
            }
            factors.newOutsidePeers = count()
            factors.indicators = (0..<Int.random(in: 0...3, using: &generator)).map { number in
                RiskFactors.Indicator(
                    value: "203.0.113.\(number)",
                    confidence: Int.random(in: 0...100, using: &generator), isProven: chance(),
                    ageDays: days())
            }
            factors.runtime?.critical = count()
            factors.runtime?.error = count()
            factors.runtime?.warning = count()
            factors.runtime?.notice = count()
            factors.runtime?.ageDays = days()
            factors.vulnerability?.critical = count()
            factors.vulnerability?.high = count()
            factors.vulnerability?.medium = count()
            factors.vulnerability?.low = count()
            factors.vulnerability?.exploited = count()
            factors.vulnerability?.highestEPSS = Double.random(in: 0...1, using: &generator)
            factors.vulnerability?.reportAgeDays = days() * 3
            factors.posture?.critical = count()
            factors.posture?.high = count()
            factors.posture?.medium = count()
            factors.posture?.low = count()
            factors.exposure.publishedPorts = count()
            factors.exposure.hopsFromOutside =
                chance() ? nil : Int.random(in: 1...6, using: &generator)
            factors.exposure.callers = count()
            factors.exposure.reached = count()
            if chance() { factors.vulnerability = nil }
            if chance() { factors.posture = nil }
            if chance() { factors.runtime = nil }
        }
    }

    /// Every way in which something becomes worse.
    private let worsenings: [(name: String, change: @Sendable (inout RiskFactors) -> Void)] = [
        (
            "one more incident",
            {
                $0.incidents.append(
                    Incident(id: "", summary: "", severity: .low, isProven: false, ageDays: 1))
            }
        ),
        (
            "severity",
            { for index in $0.incidents.indices { $0.incidents[index].severity = .high } }
        ),
        ("proof", { for index in $0.incidents.indices { $0.incidents[index].isProven = true } }),
        (
            "a later incident",
            { for index in $0.incidents.indices { $0.incidents[index].ageDays /= 2 } }
        ),
        (
            "called malicious",
            {
                for index in $0.incidents.indices { $0.incidents[index].judgement = .malicious }
            }
        ),
        ("new peers", { $0.newOutsidePeers += 1 }),
        (
            "one more listed address",
            {
                $0.indicators.append(
                    RiskFactors.Indicator(value: "x", confidence: 20, isProven: false, ageDays: 3))
            }
        ),
        (
            "confidence",
            {
                for index in $0.indicators.indices { $0.indicators[index].confidence += 10 }
            }
        ),
        (
            "a proven contact",
            {
                for index in $0.indicators.indices { $0.indicators[index].isProven = true }
            }
        ),
        ("a critical event", { $0.runtime?.critical += 1 }),
        ("an error", { $0.runtime?.error += 1 }),
        ("a warning", { $0.runtime?.warning += 1 }), ("a notice", { $0.runtime?.notice += 1 }),
        ("a later event", { $0.runtime?.ageDays /= 2 }),
        ("a critical vulnerability", { $0.vulnerability?.critical += 1 }),
        ("a high one", { $0.vulnerability?.high += 1 }),
        ("a medium one", { $0.vulnerability?.medium += 1 }),
        ("a low one", { $0.vulnerability?.low += 1 }),
        ("an exploited one", { $0.vulnerability?.exploited += 1 }),
        ("EPSS", { $0.vulnerability?.highestEPSS += 0.1 }),
        ("an older report", { $0.vulnerability?.reportAgeDays += 10 }),
        ("a critical finding", { $0.posture?.critical += 1 }),
        ("a high finding", { $0.posture?.high += 1 }),
        ("a medium finding", { $0.posture?.medium += 1 }),
        ("a low finding", { $0.posture?.low += 1 }),
        ("one more port", { $0.exposure.publishedPorts? += 1 }),
        (
            "a shorter way from outside",
            {
                $0.exposure.hopsFromOutside =
                    $0.exposure.hopsFromOutside.map { max(1, $0 - 1) } ?? 6
            }
        ),
        ("one more caller", { $0.exposure.callers += 1 }),
        ("one more reached", { $0.exposure.reached += 1 }),
    ]

    @Test func nothingThatGetsWorseLowersTheScore() {
        var generator = SeededGenerator(seed: 6)
        var rises: [String: Int] = [:]
        for _ in 0..<2000 {
            let factors = random(&generator)
            let before = RiskScore(factors)
            #expect((0...100).contains(before.value))
            for (name, change) in worsenings {
                var worse = factors
                change(&worse)
                let after = RiskScore(worse)
                #expect(after.value >= before.value - 1e-9, "\(name): \(factors)")
                if after.value > before.value { rises[name, default: 0] += 1 }
            }
        }
        for (name, _) in worsenings { #expect(rises[name] ?? 0 > 100, "\(name) never counts") }
    }

    @Test func thePartsAddUpAndTheirOrderIsTotal() {
        var generator = SeededGenerator(seed: 7)
        let scores = (0..<500).map { _ in RiskScore(random(&generator)) }
        for score in scores {
            #expect(abs(score.parts.reduce(0) { $0 + $1.points } - score.value) < 1e-9)
            #expect(Set(score.parts.map(\.kind)).count == RiskPart.Kind.allCases.count)
            #expect(score.parts.allSatisfy { !$0.text.isEmpty && $0.points <= $0.most + 1e-9 })
            #expect(zip(score.parts, score.parts.dropFirst()).allSatisfy { $0.points >= $1.points })
        }
        let names = ["c", "a", "b"].map { RiskScore(factors($0)) }.sorted(by: RiskScore.isBefore)
        #expect(names.map(\.workload) == ["a", "b", "c"])
        let sorted = scores.sorted(by: RiskScore.isBefore)
        let again = scores.reversed().sorted(by: RiskScore.isBefore)
        #expect(sorted.map(\.value) == again.map(\.value))
        #expect(sorted.map(\.workload) == again.map(\.workload))
    }

    @Test func valuesWithoutSenseAreBounded() {
        for value in [Double.nan, .infinity, -.infinity, -1, 1e300] {
            let worst = score {
                $0.incidents = [incident(age: value)]
                $0.indicators = [
                    RiskFactors.Indicator(
                        value: "", confidence: .max, isProven: true, ageDays: value)
                ]
                $0.vulnerability?.highestEPSS = value
                $0.vulnerability?.reportAgeDays = value
                $0.vulnerability?.critical = .max
                $0.posture?.low = .min
                $0.exposure.callers = .max
                $0.exposure.hopsFromOutside = .min
                $0.runtime?.ageDays = value
                $0.runtime?.error = .max
                $0.newOutsidePeers = .min
            }
            #expect((0...100).contains(worst), "\(value)")
        }
    }

    @Test func bandsAreReachedByWhatTheirNamesSay() {
        #expect(RiskScore(factors()).band == .low)
        #expect(RiskScore(factors("web") { $0.incidents = [incident(.medium)] }).band == .moderate)
        #expect(RiskScore(factors("web") { $0.incidents = [incident(.high)] }).band == .high)
        let hit = RiskFactors.Indicator(
            value: "203.0.113.9", confidence: 90, isProven: true, ageDays: 0)
        let infected = RiskScore(
            factors("web") {
                $0.incidents = [incident(.high)]
                $0.indicators = [hit]
                $0.exposure.hopsFromOutside = 1
                $0.exposure.publishedPorts = 1
                $0.vulnerability = nil
                $0.posture?.low = 4
            })
        #expect(infected.band == .critical, "\(infected)")
        // A vulnerable, exposed workload without any sign of an intrusion is no emergency.
        let weak = RiskScore(
            factors("web") {
                $0.vulnerability?.exploited = 1
                $0.posture?.critical = 1
                $0.exposure.publishedPorts = 1
                $0.exposure.hopsFromOutside = 1
            })
        #expect(weak.band == .moderate, "\(weak)")
    }

    @Test func whatNobodyLookedAtIsNeitherSafeNorTheWorst() {
        let clean = score { _ in }
        let unknown = score { $0.vulnerability = nil }
        let bad = score { $0.vulnerability?.exploited = 1 }
        #expect(clean < unknown && unknown < bad)
        let noPosture = score { $0.posture = nil }
        let privileged = score { $0.posture?.critical = 1 }
        #expect(clean < noPosture && noPosture < privileged)
        let part = RiskScore(factors("web") { $0.vulnerability = nil }).parts.first {
            $0.kind == .vulnerability
        }
        #expect(part?.isUnknown == true && part?.text.hasPrefix("unknown") == true)
        #expect(part?.action == "scan its image")
        #expect(abs(score { $0.vulnerability?.isIncomplete = true } - unknown) < 1e-9)
        // A report of last year says as little as none.
        #expect(abs(score { $0.vulnerability?.reportAgeDays = 365 } - unknown) < 1e-9)
    }

    @Test func judgementsOfAnOperatorCount() {
        let open = score { $0.incidents = [incident()] }
        #expect(score { $0.incidents = [incident(.high, .dismissed)] } == score { _ in })
        #expect(score { $0.incidents = [incident(.low, .malicious)] } > open)
    }

    /// What others can forge about a workload never puts it above one with a proven attack.
    @Test func forgedEvidenceIsBounded() {
        let guilty = score { $0.incidents = [incident(.high)] }
        let framed = score {
            $0.incidents = Array(repeating: incident(.high, isProven: false), count: 1000)
            $0.newOutsidePeers = 1_000_000
            $0.indicators = (0..<1000).map { number in
                RiskFactors.Indicator(
                    value: "\(number)", confidence: 100, isProven: false, ageDays: 0)
            }
        }
        #expect(framed < guilty)
        #expect(framed > score { _ in })
    }

    @Test func theMainReasonSaysWhatToDo() {
        let score = RiskScore(
            factors("web") {
                $0.incidents = [incident(age: 0.125), incident(.low, .dismissed)]
                $0.posture?.low = 1
                $0.posture?.worst = "runs as root"
                $0.posture?.mend = "user: 1000"
            })
        #expect(
            score.main?.text
                == "1 incident, the worst high severity 3 h ago: port scan; "
                + "1 incident benign or closed"
        )
        #expect(score.action == "look at it: lazaret explain 0123456789abcdef")
    }

    @Test func theWayFromOutsideIsFoundInTheGraph() {
        var graph = ContactGraph()
        graph.addFromOutside(to: "web")
        for (from, to) in [("web", "api"), ("api", "db"), ("web", "db2"), ("x", "y"), ("y", "x")] {
            graph.add(from: from, to: to)
        }
        graph.add(from: "db", to: "db")
        let found = graph.exposures()
        #expect(found["web"]?.hopsFromOutside == 1 && found["web"]?.reached == 2)
        #expect(found["db"]?.way == ["web", "api", "db"] && found["db"]?.callers == 1)
        #expect(found["y"]?.hopsFromOutside == nil && found["y"]?.callers == 1)
        // Forged callers beyond the limit change nothing.
        for number in 0..<1000 { graph.add(from: "forged \(number)", to: "y") }
        #expect(graph.exposures()["y"]?.callers == ContactGraph.peerLimit)
    }
}
