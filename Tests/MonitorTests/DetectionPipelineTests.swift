import AnomalyModel
import AnomalyDetection
import AttackPatterns
import FeatureExtraction
import Foundation
import ModelFiles
import NetworkAddresses
import PacketCapture
import PacketDecoding
import PacketIntake
import StatusReport
import Synchronization
import TestKit
import Testing
import Timestamps
import Workloads

@testable import Monitor

/// While windows are judged, packets wait, and the results do not depend on how long.
struct DetectionPipelineTests {
    private static let captures = Run.root.appendingPathComponent("captures").path

    /// The verdicts on the capture with attacks, as text.
    private func verdicts(
        _ model: Model, slice: Interval = .seconds(60), advances: Bool, threads: Int = 1
    ) throws -> (verdicts: [String], waited: Bool, counts: DetectionStage.Counts) {
        var options = CaptureOptions()
        options.linkTypes = LinkType.supported.map(\.rawValue)
        let capture = try FileCapture(
            paths: [Self.captures + "/mixed.pcap"], options: options)
        let found = Mutex<[String]>([])
        var hasWaited = false
        let setup = DetectionPipeline.Setup(
            model: model, inventory: try Inventory(path: Self.captures + "/inventory.yaml"),
            hashSeed: 7, scores: ScoreHistory(), threads: threads)
        var pipeline = DetectionPipeline(setup) { verdict in
            found.withLock {
                $0.append(
                    "\(verdict.subject) \(verdict.window.end) \(verdict.window.scale) "
                        + "\(verdict.pattern?.title ?? "") \(verdict.score)")
            }
        }
        pipeline.slice = slice
        while true {
            let hasMore = try capture.nextBatch { frames in
                pipeline.intake.advance(to: frames[frames.count - 1].time)
                pipeline.process(frames)
                if advances { pipeline.advance(to: frames[frames.count - 1].time) }
                hasWaited = hasWaited || pipeline.isJudging
            }
            guard hasMore else { break }
        }
        pipeline.finish()
        return (found.withLock { $0 }, hasWaited, pipeline.counts)
    }

    @Test func theVerdictsAreTheSameHoweverLongWindowsAreJudgedAtATime() throws {
        let scratch = try Scratch()
        let model = try ModelStore.read(scratch.model())
        let atOnce = try verdicts(model, advances: true)
        #expect(!atOnce.waited)
        #expect(atOnce.verdicts.count > 100)
        #expect(atOnce.counts.verdicts == atOnce.verdicts.count)
        // One window at a time: packets wait.
        let sliced = try verdicts(model, slice: .zero, advances: true)
        #expect(sliced.waited)
        #expect(sliced.verdicts == atOnce.verdicts)
        // As many as fit wait, until the bound.
        let late = try verdicts(model, slice: .zero, advances: false)
        #expect(late.verdicts == atOnce.verdicts)
    }

    @Test func theVerdictsOfASecondThreadAreTheSame() throws {
        let scratch = try Scratch()
        let model = try ModelStore.read(scratch.model())
        let one = try verdicts(model, advances: true)
        for advances in [true, false] {
            let two = try verdicts(model, advances: advances, threads: 2)
            #expect(two.verdicts == one.verdicts)
            #expect(!two.waited && two.counts.windows == one.counts.windows)
            #expect(two.counts.verdicts == one.counts.verdicts)
        }
    }

    @Test func aBacklogKeepsTheOrder() {
        var backlog = BatchBacklog()
        var packet = Packet()
        var (sent, received) = (0, 0)
        for round in 0..<20 {
            for size in [1, 64, 0, 500] {
                var batch = MeteredBatch()
                for _ in 0..<size {
                    packet.time = Timestamp(second: sent)
                    batch.append(packet)
                    sent += 1
                }
                backlog.append(batch)
            }
            let least = round < 19 ? 400 : 0
            while backlog.packetCount > least {
                let batch = backlog.removeFirst()
                #expect(
                    batch.packets.map(\.time.second) == Array(received..<received + batch.count))
                received += batch.count
            }
            #expect(backlog.packetCount == sent - received)
        }
        while !backlog.isEmpty { #expect(backlog.removeFirst().isEmpty) }
        #expect(received == 20 * 565)
    }
}
