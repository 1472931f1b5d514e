import AnomalyDetection
import BaselineGraph
import FeatureExtraction
import NetworkAddresses
import TestKit
import Testing
import Workloads

@testable import AnomalyModel
import Timestamps

/// An attacker whose traffic grows a little every window, and who waits until every retraining has
/// learned the last step as clean.
struct RetrainerTests {
    private func window(
        _ host: UInt32, second: Int, ports: Float, _ generator: inout SeededGenerator
    ) -> Window {
        var values = [Float](repeating: 0, count: Feature.count)
        let flows = Float.random(in: 4...8, using: &generator)
        values[Feature.flows.rawValue] = max(flows, ports)
        values[Feature.packetsOut.rawValue] = flows * 8
        values[Feature.peers.rawValue] = 2
        values[Feature.ports.rawValue] = ports
        values[Feature.edges.rawValue] = 3
        return Window(
            subject: IPAddress(v4: 0x0A00_0000 + host), scale: .short, endSecond: second,
            values: values)
    }

    private func anchor() throws -> Model {
        var generator = SeededGenerator(seed: 3)
        var trainer = Trainer(inventory: .empty, seed: 1)
        for second in 0..<60 {
            for host in 1...2 as ClosedRange<UInt32> {
                let ports = Float.random(in: 1...3, using: &generator).rounded()
                trainer.observe(window(host, second: second, ports: ports, &generator))
            }
        }
        return try trainer.finish(graph: CommunicationGraph(), provenance: Model.Provenance())
    }

    /// The number of ports in the first window of the attacker that is reported, at most `end`.
    private func caught(
        at end: Float, retrain: (inout Retrainer, inout Trainer) throws -> Model
    ) throws -> Float {
        var generator = SeededGenerator(seed: 4)
        let first = try anchor()
        var detector = Detector(model: first, inventory: .empty)
        var retrainer = Retrainer(anchor: first, inventory: .empty, seed: 1)
        var trainer = Trainer(inventory: .empty, seed: 1)
        var ports: Float = 2
        var second = 1000
        while ports < end {
            let clean = Float.random(in: 1...3, using: &generator).rounded()
            for host in 1...2 as ClosedRange<UInt32> {
                let window = window(
                    host, second: second, ports: host == 1 ? ports : clean, &generator)
                let verdict = detector.judge(window)
                if host == 1, verdict != nil { return ports }
                retrainer.observe(window, isFlagged: verdict != nil)
                trainer.observe(window)
            }
            second += 1
            ports *= 1.02
            if second % 40 == 0 {
                detector = Detector(
                    model: try retrain(&retrainer, &trainer), inventory: .empty)
            }
        }
        return ports
    }

    @Test func slowGrowthGainsOnlyOneStep() throws {
        let row = FeatureSchema.description(of: .ports)
        let clean = row.transformed(3, seconds: 10)
        // A step that any model tolerates, the one that retraining adds, and the growth until the
        // next window.
        let bound = row.raw(clean + row.resolution * 2, seconds: 10) * 1.03
        let told = try caught(at: 1000) { retrainer, _ in
            try retrainer.model(last: Timestamp(nanoseconds: 0))
        }
        #expect(told < bound && told > 6, "told of at \(told) ports, the bound is \(bound)")
        // The control: without the bound, the same attacker is never reported.
        let unbounded = try caught(at: 1000) { _, trainer in
            try trainer.finish(graph: CommunicationGraph(), provenance: Model.Provenance())
        }
        #expect(unbounded >= 1000)
    }

    @Test func aFlaggedSubjectIsNotLearnedForAWhile() throws {
        var generator = SeededGenerator(seed: 5)
        var retrainer = Retrainer(anchor: try anchor(), inventory: .empty, seed: 1)
        retrainer.observe(window(1, second: 5000, ports: 400, &generator), isFlagged: true)
        retrainer.observe(window(1, second: 5100, ports: 400, &generator), isFlagged: false)
        retrainer.observe(window(2, second: 5100, ports: 2, &generator), isFlagged: false)
        #expect(retrainer.learnedCount == 1 && retrainer.leftOutCount == 2)
        let later = 5000 + Retrainer.quarantineSeconds + 11
        retrainer.observe(window(1, second: later, ports: 2, &generator), isFlagged: false)
        #expect(retrainer.learnedCount == 2)
    }

    @Test func aQuietWeekDoesNotNarrowTheBaseline() throws {
        let anchor = try anchor()
        var generator = SeededGenerator(seed: 6)
        var retrainer = Retrainer(anchor: anchor, inventory: .empty, seed: 1)
        for second in 0..<100 {
            retrainer.observe(window(1, second: second, ports: 1, &generator), isFlagged: false)
        }
        let model = try retrainer.model(last: Timestamp(nanoseconds: 1))
        for (name, group) in anchor[.short].baseline.groups {
            let after = try #require(model[.short].baseline.groups[name])
            #expect(zip(after.largest, group.largest).allSatisfy { $0 >= $1 })
        }
    }

    /// Who makes a crowd around a target to have no alert of its own teaches nothing by it.
    @Test func aWindowThatMayBePartOfAFloodIsAnomalousAllTheSame() throws {
        var generator = SeededGenerator(seed: 5)
        var detector = Detector(model: try anchor(), inventory: .empty)
        var seen = window(1, second: 1000, ports: 400, &generator)
        #expect(detector.judge(seen) != nil && !detector.isPartOfFlood)
        seen = window(2, second: 1000, ports: 400, &generator)
        seen.isInCrowd = true
        #expect(detector.judge(seen) == nil && detector.isPartOfFlood)
        #expect(detector.judge(window(2, second: 1001, ports: 2, &generator)) == nil)
        #expect(!detector.isPartOfFlood)
        #expect(detector.takeHeld(isLast: true).map(\.subject) == [seen.subject])
    }
}
