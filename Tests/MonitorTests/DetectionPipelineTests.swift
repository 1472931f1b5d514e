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
        _ model: Model, slice: Interval, advances: Bool
    ) throws -> (verdicts: [String], waited: Bool) {
        var options = CaptureOptions()
        options.linkTypes = LinkType.supported.map(\.rawValue)
        let capture = try FileCapture(
            paths: [Self.captures + "/mixed.pcap"], options: options)
        var found: [String] = []
        var hasWaited = false
        var pipeline = DetectionPipeline(
            model: model, inventory: try Inventory(path: Self.captures + "/inventory.yaml"),
            interfaces: 1, hashSeed: 7, scores: ScoreHistory(),
            submit: {
                found.append(
                    "\($0.subject) \($0.window.end) \($0.window.scale) \($0.pattern?.title ?? "")"
                        + " \($0.score)")
            })
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
        return (found, hasWaited)
    }

    @Test func theVerdictsAreTheSameHoweverLongWindowsAreJudgedAtATime() throws {
        let scratch = try Scratch()
        let model = try ModelStore.read(scratch.model())
        let atOnce = try verdicts(model, slice: .seconds(60), advances: true)
        #expect(!atOnce.waited)
        #expect(atOnce.verdicts.count > 100)
        // One window at a time: packets wait.
        let sliced = try verdicts(model, slice: .zero, advances: true)
        #expect(sliced.waited)
        #expect(sliced.verdicts == atOnce.verdicts)
        // As many as fit wait, until the bound.
        let late = try verdicts(model, slice: .zero, advances: false)
        #expect(late.waited)
        #expect(late.verdicts == atOnce.verdicts)
    }

    @Test func aBacklogKeepsTheOrderAndGivesItsMemoryBack() {
        var backlog = PacketBacklog()
        var packet = Packet()
        var (sent, received) = (0, 0)
        for round in 0..<20 {
            for _ in 0..<5000 {
                packet.time = Timestamp(second: sent)
                backlog.append(packet)
                sent += 1
            }
            for _ in 0..<(round < 19 ? 4000 : sent - received) {
                #expect(backlog.firstTime == Timestamp(second: received))
                backlog.takeFirst(into: &packet)
                #expect(packet.time == Timestamp(second: received))
                received += 1
            }
        }
        #expect(backlog.isEmpty && backlog.firstTime == nil)
        #expect(received == 100_000)
    }
}
