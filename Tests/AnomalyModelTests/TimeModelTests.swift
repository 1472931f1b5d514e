import AnomalyDetection
import BaselineGraph
import FeatureExtraction
import NetworkAddresses
import TestKit
import Testing
import Timestamps
import Workloads

@testable import AnomalyModel

/// The backup at three is usual at three, and not at noon.
struct TimeModelTests {
    private static let host = IPAddress(v4: 0x0A00_0001)
    /// A Monday.
    private static let firstDay = 20_003

    /// A window of a host that serves a little, and makes its backup in the hours of `backups`.
    private func window(
        day: Int, hour: Int, minute: Int = 20, bytes: Float, served: Float = 100
    ) -> Window {
        var values = [Float](repeating: 0, count: Feature.count)
        values[Feature.flows.rawValue] = 40
        values[Feature.peers.rawValue] = 3
        values[Feature.edges.rawValue] = 3
        values[Feature.packetsOut.rawValue] = 2000 + bytes / 1400
        values[Feature.bytesOut.rawValue] = 400_000 + bytes
        values[Feature.served.rawValue] = served
        return Window(
            subject: Self.host, scale: .long,
            endSecond: ((Self.firstDay + day) * 24 + hour) * 3600 + minute * 60,
            ageSeconds: 100_000, values: values)
    }

    /// - Parameter backups: the hours of each day's backups.
    private func trained(_ backups: [[Int]], served: Float = 100) throws -> Model {
        var trainer = Trainer(inventory: .empty, seed: 1)
        for (day, hours) in backups.enumerated() {
            for hour in 0..<24 {
                let bytes: Float = hours.contains(hour) ? 5e9 : 0
                for minute in stride(from: 0, to: 60, by: 10) {
                    var seen = window(
                        day: day, hour: hour, minute: minute, bytes: bytes, served: served)
                    trainer.observe(seen)
                    // A shorter scale has to have windows, too.
                    seen.scale = .short
                    trainer.observe(seen)
                }
            }
        }
        return try trainer.finish(graph: CommunicationGraph(), provenance: Model.Provenance())
    }

    private func verdict(_ model: Model, _ window: Window) -> Verdict? {
        var detector = Detector(model: model, inventory: .empty)
        return detector.judge(window)
    }

    private static let nightly = [[Int]](repeating: [3], count: 5)

    @Test func theNightlyBackupIsUnusualAtNoon() throws {
        let model = try trained(Self.nightly)
        let found = try #require(verdict(model, window(day: 7, hour: 12, bytes: 5e9)))
        #expect(found.level == .watch && !found.isFarBeyond && found.running == nil)
        #expect(found.score >= found.threshold && abs(found.pValue - 1.0 / 6) < 1e-9)
        let text = try #require(found.reasons.map(\.text).first { $0.contains("5.0 GB") })
        #expect(
            text == "5.0 GB sent in 600 s; usual from 11:00 to 14:00 UTC: at most 400 kB")
        // At its time, and an hour early or late, it is usual.
        for hour in 2...4 {
            #expect(verdict(model, window(day: 7, hour: hour, bytes: 5e9)) == nil, "\(hour)")
        }
        for hour in [0, 5, 6, 23] {
            #expect(verdict(model, window(day: 7, hour: hour, bytes: 5e9)) != nil, "\(hour)")
        }
        // What the host does at any time is usual, and so is a little more.
        for hour in 0..<24 {
            #expect(verdict(model, window(day: 7, hour: hour, bytes: 200_000)) == nil, "\(hour)")
        }
    }

    /// The alerts of a long job follow each other, so that they are one incident.
    @Test func aLongJobIsOneIncident() throws {
        var detector = Detector(model: try trained(Self.nightly), inventory: .empty)
        for minute in 0..<60 {
            let seen = window(day: 7, hour: 12, minute: minute, bytes: 5e9)
            #expect(detector.judge(seen) != nil, "minute \(minute)")
        }
    }

    @Test func twoDaysSayNothingOfTheTime() throws {
        let model = try trained([[3], [3]])
        #expect(model.times == nil)
        #expect(verdict(model, window(day: 7, hour: 12, bytes: 5e9)) == nil)
    }

    /// One day with a backup at noon, too, changes nothing.
    @Test func oneUnusualDayInTheTrainingHidesNothing() throws {
        let model = try trained([[3], [3], [3, 12], [3], [3]])
        #expect(verdict(model, window(day: 7, hour: 12, bytes: 5e9)) != nil)
        #expect(verdict(model, window(day: 7, hour: 20, bytes: 5e9)) != nil)
        #expect(verdict(model, window(day: 7, hour: 3, bytes: 5e9)) == nil)
    }

    /// A job that begins at another hour each day has no time.
    @Test func aJobWithoutATimeIsNeverUnusual() throws {
        let model = try trained([[3], [9], [15], [20], [6], [12]])
        for hour in 0..<24 {
            #expect(verdict(model, window(day: 9, hour: hour, bytes: 5e9)) == nil, "\(hour)")
        }
    }

    /// A host that is asked for more than ever at this time sends more.
    @Test func demandExplainsMore() throws {
        let model = try trained(Self.nightly)
        let asked = window(day: 7, hour: 12, bytes: 1e8, served: 1e6)
        #expect(verdict(model, window(day: 7, hour: 12, bytes: 1e8)) != nil)
        #expect(verdict(model, asked) == nil)
    }

    /// With three weeks, a backup on Sunday is unusual on Tuesday.
    @Test func theWeeklyBackupIsUnusualOnOtherDays() throws {
        let week = [[Int]](repeating: [], count: 6) + [[3]]
        let model = try trained(week + week + week)
        #expect(model.times?.period == .week)
        #expect(verdict(model, window(day: 27, hour: 3, bytes: 5e9)) == nil)
        let found = try #require(verdict(model, window(day: 22, hour: 3, bytes: 5e9)))
        #expect(
            found.reasons.contains { $0.text.contains("usual from Tue 02:00 to 05:00 UTC") },
            "\(found.reasons.map(\.text))")
    }

    @Test func benignFeedbackMakesItUsualAtAnyTime() throws {
        var model = try trained(Self.nightly)
        let seen = window(day: 7, hour: 12, bytes: 5e9)
        let found = try #require(verdict(model, seen))
        let values = Dictionary(uniqueKeysWithValues: found.reasons.map { ($0.feature, $0.value) })
        model.apply(
            [
                Feedback(
                    eventID: "1", judgement: .benign, workload: found.workload,
                    subject: Self.host, peer: nil, service: Service(ipProtocol: 6, port: 80),
                    scale: .long, pattern: found.pattern, values: values)
            ], inventory: nil)
        #expect(verdict(model, seen) == nil)
        #expect(verdict(model, window(day: 8, hour: 17, bytes: 5e9)) == nil)
    }

    @Test func aContestedAddressIsNotBlamed() throws {
        var seen = window(day: 7, hour: 12, bytes: 5e9)
        seen.isContested = true
        #expect(verdict(try trained(Self.nightly), seen) == nil)
    }

    @Test func theFileKeepsTheTimes() throws {
        let model = try trained(Self.nightly)
        let times = try #require(model.times)
        #expect(times.period == .day && times.cycles == [Int](repeating: 5, count: 24))
        let bytes = model.encoded()
        #expect(try Model(decoding: bytes).times == times)
        #expect(try Model(decoding: bytes).encoded() == bytes)
        #expect(try Model(decoding: trained([[3]]).encoded()).times == nil)
    }
}
