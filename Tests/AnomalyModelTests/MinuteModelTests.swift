import AnomalyDetection
import BaselineGraph
import FeatureExtraction
import NetworkAddresses
import TestKit
import Testing
import Workloads

@testable import AnomalyModel

/// Attacks of minutes that no single window shows.
struct MinuteModelTests {
    private func window(
        _ host: UInt32, second: Int, times factor: Float = 1, _ generator: inout SeededGenerator
    ) -> Window {
        var values = [Float](repeating: 0, count: Feature.count)
        let flows = (Float.random(in: 8...24, using: &generator) * factor).rounded()
        values[Feature.flows.rawValue] = flows
        values[Feature.packetsOut.rawValue] = flows * 8
        values[Feature.bytesOut.rawValue] = flows * 900
        values[Feature.bytesIn.rawValue] = flows * 4000
        values[Feature.peers.rawValue] =
            (Float.random(in: 2...4, using: &generator) * factor).rounded()
        values[Feature.ports.rawValue] = 2
        values[Feature.edges.rawValue] = values[Feature.peers.rawValue]
        values[Feature.flowsPerEdge.rawValue] = flows / values[Feature.edges.rawValue]
        return Window(
            subject: IPAddress(v4: 0x0A00_0000 + host), scale: .medium, endSecond: second,
            values: values)
    }

    private func trained(
        minutes: Int = 150, hosts: UInt32 = 4, budget: Double = 1, peaks: [Int: Float] = [:]
    ) throws -> Model {
        var generator = SeededGenerator(seed: 7)
        var trainer = Trainer(inventory: .empty, seed: 1)
        // The first window of a host begins its first minute.
        for minute in 0...minutes {
            for host in 1...hosts {
                var seen = window(host, second: minute * 60, &generator)
                // A shorter scale has to have windows, too.
                if let peak = host == 1 ? peaks[minute] : nil {
                    for feature in [Feature.flows, .peers, .edges, .packetsOut, .bytesOut] {
                        seen.values[feature.rawValue] *= peak
                    }
                }
                trainer.observe(seen)
                seen.scale = .short
                trainer.observe(seen)
            }
        }
        var provenance = Model.Provenance()
        provenance.falseAlarmsPerDay = budget
        return try trainer.finish(graph: CommunicationGraph(), provenance: provenance)
    }

    /// The verdicts on `minutes` of a host whose traffic is `factor` times the usual.
    private func verdicts(
        _ model: Model, times factor: Float, minutes: Int, host: UInt32 = 1
    ) -> [(minute: Int, verdict: Verdict)] {
        var detector = Detector(model: model, inventory: .empty)
        var generator = SeededGenerator(seed: 8)
        return (0...minutes).compactMap { minute in
            let seen = window(host, second: 100_000 + minute * 60, times: factor, &generator)
            return detector.judge(seen).map { (minute, $0) }
        }
    }

    @Test func aFaintAttackIsReportedByItsMinutesTogether() throws {
        let model = try trained(minutes: 400)
        let found = verdicts(model, times: 3, minutes: 60)
        let first = try #require(found.first)
        let running = try #require(first.verdict.running, "one window was enough")
        #expect(first.minute <= 30, "\(first.minute)")
        #expect(running.log10 >= running.lineLog10 && running.minutes >= 3)
        #expect(first.verdict.level == .watch && first.verdict.score >= first.verdict.threshold)
        let text = try #require(first.verdict.reasons.first?.text)
        #expect(text.contains("95 % of clean minutes have at most"), "\(text)")
        #expect(first.verdict.summary.contains(" over \(running.minutes) min: "))
        // The same windows give the same verdicts.
        let again = verdicts(model, times: 3, minutes: 60)
        #expect(again.map(\.minute) == found.map(\.minute))
        #expect(again.map(\.verdict.running) == found.map(\.verdict.running))
    }

    @Test func cleanMinutesAreNotReported() throws {
        let model = try trained()
        for host in 1...4 as ClosedRange<UInt32> {
            #expect(verdicts(model, times: 1, minutes: 2000, host: host).isEmpty)
        }
    }

    /// A smaller budget raises the line, and a line that is crossed later is crossed by fewer.
    @Test func theBudgetSetsTheLine() throws {
        var lines: [Double] = []
        var times: [Int] = []
        for budget in [10, 1, 1.0 / 7] {
            let model = try trained(budget: budget)
            lines.append(try #require(model.evidenceLine))
            times.append(verdicts(model, times: 3, minutes: 30).first?.minute ?? .max)
        }
        // Four hosts, each minute of a day, half of the budget.
        #expect(abs(lines[1] / (4 * 1440 / 0.5) - 1) < 0.05, "\(lines)")
        #expect(lines[0] < lines[1] && lines[1] < lines[2])
        #expect(times[0] <= times[1] && times[1] <= times[2] && times[0] < .max, "\(times)")
    }

    /// One odd minute in the training, or a peak now and then, hides no attack.
    @Test func peaksInTheTrainingDoNotMoveTheRange() throws {
        let calm = try trained(minutes: 400)
        let peaks = [57: Float(40), 133: 9, 271: 200, 333: 15]
        let peaked = try trained(minutes: 400, peaks: peaks)
        let name = "10.0.0.1"
        let (left, right) = (calm.minutes?.groups[name], peaked.minutes?.groups[name])
        let (quiet, loud) = (try #require(left), try #require(right))
        for feature in [Feature.flows, .peers, .edges] {
            let step = FeatureSchema.description(of: feature).resolution
            let moved = loud.upper[feature.rawValue] - quiet.upper[feature.rawValue]
            #expect(abs(moved) < step / 10, "\(feature) \(moved)")
        }
        let before = verdicts(calm, times: 3, minutes: 20).first?.minute
        let after = verdicts(peaked, times: 3, minutes: 20).first?.minute
        #expect(try #require(after) <= (try #require(before)) + 5)
    }

    /// Fifteen minutes give little evidence a minute, but the line is as honest.
    @Test func aShortTrainingNeedsMoreMinutes() throws {
        let short = verdicts(try trained(minutes: 15), times: 3, minutes: 60).first?.minute
        let long = verdicts(try trained(minutes: 400), times: 3, minutes: 60).first?.minute
        #expect(try #require(long) < (short ?? .max))
    }

    /// A relay that serves three times as much sends three times as much.
    @Test func growthWithDemandIsOrdinary() throws {
        let model = try trained(minutes: 400)
        let group = try #require(model.minutes?.groups["10.0.0.1"])
        var generator = SeededGenerator(seed: 9)
        func beyond(served: Float) -> Float {
            var seen = window(1, second: 0, times: 3, &generator)
            seen.values[Feature.served.rawValue] = served
            let values = RelativeVector.transformed(seen.values, seconds: 60)
            return group.row(values).reduce(0, +)
        }
        // The training served nothing: any demand is a growth.
        #expect(beyond(served: 0) > 1)
        #expect(beyond(served: 2000) == 0)
    }

    @Test func benignFeedbackEndsTheAlert() throws {
        var model = try trained(minutes: 400)
        let verdict = try #require(verdicts(model, times: 3, minutes: 60).last?.verdict)
        var values: [Feature: Float] = [:]
        for feature in [Feature.flows, .peers, .edges, .packetsOut, .bytesOut, .bytesIn] {
            values[feature] = 10_000_000
        }
        model.apply(
            [
                Feedback(
                    eventID: "1", judgement: .benign, workload: verdict.workload,
                    subject: verdict.subject, peer: nil, service: Service(ipProtocol: 6, port: 80),
                    scale: .medium, pattern: nil, values: values)
            ], inventory: nil)
        #expect(verdicts(model, times: 3, minutes: 60).isEmpty)
    }
}
