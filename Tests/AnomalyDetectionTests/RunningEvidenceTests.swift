import FeatureExtraction
import NetworkAddresses
import TestKit
import Testing

@testable import AnomalyDetection

/// The arithmetic of evidence over minutes.
struct RunningEvidenceTests {
    private let host = IPAddress(v4: 0x0A00_0001)

    private func window(_ subject: IPAddress, _ second: Int) -> Window {
        Window(
            subject: subject, scale: .medium, endSecond: second,
            values: [Float](repeating: 0, count: Feature.count))
    }

    /// The number of minutes with these p-values until the evidence crosses `line`.
    private func minutes(to line: Double, limit: Int = 1000, p: (Int) -> Double) -> Int? {
        var table = EvidenceTable()
        _ = table.closesMinute(window(host, 0), workload: "a")
        return (1...limit).first { table.add(host, p: p($0), line: line, at: $0 * 60) != nil }
    }

    /// The integral over a uniform p-value: the factor is constant between two levels.
    @Test func theExpectedFactorOfACleanMinuteIsAtMostOne() {
        let ends = [0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 1]
        var sum = 0.0
        for (low, high) in zip(ends, ends.dropFirst()) {
            sum += (high - low) * EvidenceTable.factor((low + high) / 2)
        }
        #expect(sum <= 1 + 1e-12 && sum > 0.9, "\(sum)")
        for (left, right) in zip(ends, ends.dropFirst()) {
            #expect(EvidenceTable.factor(left) >= EvidenceTable.factor(right))
        }
    }

    /// The theorem, measured: crossings in a million clean minutes are at most a million over the
    /// line.
    @Test(arguments: [100.0, 1000]) func cleanMinutesCrossTheLineRarely(line: Double) {
        var generator = SeededGenerator(seed: 11)
        let total = 1_000_000
        var crossings = 0
        var table = EvidenceTable()
        _ = table.closesMinute(window(host, 0), workload: "a")
        for _ in 0..<total {
            let p = Double.random(in: 0..<1, using: &generator)
            guard table.add(host, p: p, line: line, at: 0) != nil else { continue }
            crossings += 1
            table = EvidenceTable()
            _ = table.closesMinute(window(host, 0), workload: "a")
        }
        #expect(Double(crossings) <= Double(total) / line, "\(crossings)")
        #expect(crossings > 0)
    }

    /// After an alert has ended by itself, the next one needs as much evidence as the first.
    @Test func anAlertThatEndedMakesTheNextNoMoreLikely() throws {
        var table = EvidenceTable()
        _ = table.closesMinute(window(host, 0), workload: "a")
        func minutesToAlert() -> Int? {
            (1...100).first { _ in table.add(host, p: 0.001, line: 1e4, at: 0) != nil }
        }
        let first = try #require(minutesToAlert())
        let end = (1...100).first { _ in table.add(host, p: 0.5, line: 1e4, at: 0) == nil }
        #expect(end != nil)
        #expect(minutesToAlert() == first)
    }

    @Test func faintMinutesCrossTogetherAndNoneAlone() throws {
        let alone = try #require(minutes(to: 1e5) { _ in 1e-9 })
        #expect(alone >= 3, "\(alone)")
        let together = try #require(minutes(to: 1e5) { _ in 0.009 })
        #expect(together > alone && together <= 6, "\(together)")
        #expect(minutes(to: 1e5) { _ in 0.3 } == nil)
    }

    /// Pauses cost an attacker's evidence at most the stake of each minute.
    @Test func everyOtherMinuteIsEnough() throws {
        let paused = try #require(minutes(to: 1e5) { $0.isMultiple(of: 2) ? 0.9 : 0.004 })
        #expect(paused <= 14, "\(paused)")
    }

    /// An alert ends with the attack, not when the evidence is used up; an attacker who goes on is
    /// alerted again.
    @Test func anAlertEndsWhenThreeMinutesWereClean() throws {
        var table = EvidenceTable()
        _ = table.closesMinute(window(host, 0), workload: "a")
        func isOver(_ minute: Int, p: Double) -> Bool {
            table.add(host, p: p, line: 1e4, at: minute * 60) != nil
        }
        let first = try #require((1...50).first { isOver($0, p: 0.001) })
        for minute in first..<50 where minute > first {
            // Every third minute is unusual: one alert.
            #expect(isOver(minute, p: minute % 3 == first % 3 ? 0.001 : 0.9), "\(minute)")
        }
        #expect(isOver(50, p: 0.001) && isOver(52, p: 0.9) && isOver(53, p: 0.9))
        #expect(!isOver(54, p: 0.9))
        let again = try #require((55...100).first { isOver($0, p: 0.001) })
        #expect(again - 54 == first)
    }

    /// A host that was idle meanwhile has no alert for its next unusual minute.
    @Test func anIdleHostsAlertEnds() throws {
        var table = EvidenceTable()
        _ = table.closesMinute(window(host, 0), workload: "a")
        for minute in 1...20 { _ = table.add(host, p: 0.001, line: 1e4, at: minute * 60) }
        let near = table.add(host, p: 0.05, line: 1e4, at: 22 * 60)
        #expect(near != nil)
        let far = table.add(host, p: 0.05, line: 1e4, at: 30 * 60)
        #expect(far == nil)
    }

    @Test func anAlertEndsWhenTheEvidenceIsGone() {
        var table = EvidenceTable()
        _ = table.closesMinute(window(host, 0), workload: "a")
        for _ in 0..<50 { _ = table.add(host, p: 0.001, line: 1e4, at: 0) }
        #expect(table.evidence(of: host, line: 1e4)?.share ?? 0 > RunningEvidence.lineShare)
        let after = (1...100).first { _ in table.add(host, p: 0.9, line: 1e4, at: 0) == nil }
        // From ten times the line to a hundredth of it, at 0.25 a minute.
        #expect(after.map { (5...10).contains($0) } == true, "\(String(describing: after))")
    }

    @Test func anotherOwnerOfTheAddressStartsWithoutEvidence() {
        var table = EvidenceTable()
        _ = table.closesMinute(window(host, 0), workload: "a")
        for _ in 0..<20 { _ = table.add(host, p: 0.001, line: 1e4, at: 0) }
        let closes = table.closesMinute(window(host, 60), workload: "b")
        #expect(!closes)
        #expect(table.evidence(of: host, line: 1e4) == nil)
    }

    @Test func minutesDoNotOverlapAndAnIdleHostStartsANewOne() {
        var table = EvidenceTable()
        let ends = Array(stride(from: 4, through: 304, by: 5)) + [504, 509, 559, 564]
        let closed = ends.filter { table.closesMinute(window(host, $0), workload: "a") }
        #expect(zip(closed, closed.dropFirst()).allSatisfy { $1 - $0 >= 60 }, "\(closed)")
        #expect(closed == [59, 119, 179, 239, 299, 559], "\(closed)")
    }

    /// Many addresses neither exhaust memory nor displace the evidence about one.
    @Test func aTableOfForgedAddressesKeepsTheStrongestEvidence() {
        var table = EvidenceTable()
        _ = table.closesMinute(window(host, 0), workload: "a")
        for _ in 0..<20 { _ = table.add(host, p: 0.001, line: 1e6, at: 0) }
        let before = table.evidence(of: host, line: 1e6)
        for number in 0..<(2 * EvidenceTable.limit) {
            let forged = IPAddress(v4: 0x0B00_0000 + UInt32(number))
            _ = table.closesMinute(window(forged, 0), workload: "outside")
        }
        #expect(table.count <= EvidenceTable.limit)
        #expect(before != nil && table.evidence(of: host, line: 1e6) == before)
    }
}
