import AttackPatterns
import FeatureExtraction
import NetworkAddresses
import TestKit
import Testing
import Workloads

@testable import AnomalyDetection

/// Addresses of a capture, ranked against each other.
struct OutlierRankingTests {
    private func window(_ host: UInt32, at second: Int, _ values: [Feature: Float]) -> Window {
        var raw = [Float](repeating: 0, count: Feature.count)
        for (feature, value) in values { raw[feature.rawValue] = value }
        var window = Window(
            subject: IPAddress(v4: host), scale: .short, endSecond: second, values: raw)
        window.contact.address = IPAddress(v4: 99)
        window.contact.port = 80
        window.contact.ipProtocol = 6
        window.contact.second = window.endSecond
        window.unanswered = values[.failed] ?? 0
        return window
    }

    /// Ten hosts that do the same, one that sends more, one that scans a little and one that scans.
    private var windows: [Window] {
        var generator = SeededGenerator(seed: 3)
        var windows: [Window] = []
        for second in 100..<160 {
            for host in UInt32(1)...10 {
                windows.append(
                    window(
                        host, at: second,
                        [
                            .flows: Float(Int.random(in: 2...6, using: &generator)), .peers: 1,
                            .ports: 1, .edges: 1,
                            .bytesOut: Float(Int.random(in: 900...1400, using: &generator)),
                        ]))
            }
        }
        windows.append(window(20, at: 130, [.flows: 40, .peers: 4, .ports: 1, .bytesOut: 90_000]))
        for (host, ports) in [(UInt32(30), Float(40)), (31, 900)] {
            windows.append(
                window(
                    host, at: 140,
                    [.flows: ports, .peers: 1, .ports: ports, .edges: ports, .failed: ports]))
        }
        return windows
    }

    @Test func aPlainPatternGoesBeforeAScore() throws {
        var ranking = OutlierRanking(inventory: .empty, seed: 1)
        for window in windows { ranking.collect(window) }
        #expect(ranking.rank(windows) == [])
        let isFitted = ranking.fit()
        try #require(isFitted)
        let scores = ranking.rank(windows)
        let entries = ranking.entries
        #expect(entries.count == 13)
        #expect(entries.prefix(3).map(\.subject) == [31, 30, 20].map { IPAddress(v4: $0) })
        #expect(entries.prefix(3).map(\.pattern) == [.verticalScan, .verticalScan, nil])
        #expect(entries[0].reasons.contains { $0.feature == .ports && $0.value == 900 })
        #expect(zip(entries, entries.dropFirst()).allSatisfy { $0.rank >= $1.rank })
        // The time line's score is that of the ranking.
        let place = try #require(
            windows.firstIndex { $0.subject == entries[2].subject && $0.endSecond == 130 })
        #expect(scores.count == windows.count && scores[place] == entries[2].score)
    }

    private func ranked() throws -> OutlierRanking {
        var ranking = OutlierRanking(inventory: .empty, seed: 1)
        for window in windows { ranking.collect(window) }
        let isFitted = ranking.fit()
        try #require(isFitted)
        ranking.rank(windows)
        return ranking
    }

    /// The windows of a capture come a batch at a time.
    @Test(arguments: [1, 3, 1000])
    func aRankingDoesNotDependOnTheBatches(size: Int) throws {
        var mixed = windows
        for (number, window) in windows.enumerated() where number % 3 == 0 {
            var longer = window
            longer.scale = number % 2 == 0 ? .medium : .long
            mixed += [longer, longer]
        }
        func ranked(_ size: Int) throws -> [OutlierRanking.Entry] {
            var ranking = OutlierRanking(inventory: .empty, seed: 1)
            for window in mixed { ranking.collect(window) }
            let isFitted = ranking.fit()
            try #require(isFitted)
            for start in stride(from: 0, to: mixed.count, by: size) {
                ranking.rank(Array(mixed[start..<min(start + size, mixed.count)]))
            }
            return ranking.entries
        }
        let (entries, whole) = (try ranked(size), try ranked(mixed.count))
        #expect(entries.count == 13 && entries.map(\.subject) == whole.map(\.subject))
        #expect(entries.map(\.rank) == whole.map(\.rank))
        #expect(entries.map(\.window.scale) == whole.map(\.window.scale))
        #expect(
            entries.map { $0.reasons.map(\.text) } == whole.map { $0.reasons.map(\.text) })
    }

    @Test func answersMoveHostsWithinTheirBoundAndCanBeTakenBack() throws {
        var ranking = try ranked()
        let before = ranking.entries
        let answered = ranking.answer {
            $0.subject <= IPAddress(v4: 3) ? false : $0.subject <= IPAddress(v4: 6) ? true : nil
        }
        #expect(answered == 6)
        let after = ranking.entries
        #expect(after.map(\.subject) != before.map(\.subject))
        let ranks = Dictionary(uniqueKeysWithValues: before.map { ($0.subject, $0.rank) })
        for entry in after {
            let moved = entry.rank - (ranks[entry.subject] ?? 0)
            #expect(abs(moved) <= OutlierRanking.mostByAnswers + 1e-6)
            #expect(entry.lean == 0 || (moved < 0) == (entry.lean < 0))
        }
        // Hosts that nothing was said of move, too.
        #expect(after.contains { $0.subject > IPAddress(v4: 6) && $0.lean != 0 })
        ranking.answer { _ in nil }
        #expect(ranking.entries.map(\.subject) == before.map(\.subject))
        #expect(ranking.entries.map(\.rank) == before.map(\.rank))
    }

    /// Who feeds an operator weak scans, until they count as benign, hides no scan by that.
    @Test func answersPutNoPatternBehindHostsWithoutOneNorAStrongerScanBehindAWeakerOne() throws {
        var ranking = try ranked()
        ranking.answer { $0.pattern == nil }
        #expect(
            ranking.entries.prefix(3).map(\.subject) == [31, 30, 20].map { IPAddress(v4: $0) })
        #expect(ranking.entries.prefix(2).allSatisfy { $0.lean < 0 })
        ranking.answer { $0.subject == IPAddress(v4: 30) ? false : nil }
        #expect(ranking.entries.prefix(2).map(\.subject) == [31, 30].map { IPAddress(v4: $0) })
    }

    @Test func withoutAWindowThereIsNothingToRank() {
        var ranking = OutlierRanking(inventory: .empty, seed: 1)
        let isFitted = ranking.fit()
        #expect(!isFitted && ranking.entries.isEmpty)
    }
}
