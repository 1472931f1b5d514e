import AnomalyDetection
import AnomalyModel
import BaselineGraph
import Foundation
import NetworkAddresses
import PacketCapture
import PacketDecoding
import StatusReport
import Testing
import Workloads

@testable import Monitor
@testable import Offline
import Timestamps

/// A model that a node learns by itself, from a single pass over the packets, is as good as one
/// trained on a capture.
struct TrainingPipelineTests {
    private static let captures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("captures").path

    private func learn(_ name: String, inventory: Inventory) throws -> Model {
        var options = CaptureOptions()
        options.linkTypes = LinkType.supported.map(\.rawValue)
        let capture = try FileCapture(paths: ["\(Self.captures)/\(name).pcap"], options: options)
        var pipeline: TrainingPipeline?
        var now = Timestamp.epoch
        var more = true
        while more {
            more = try capture.nextBatch { frames in
                if pipeline == nil {
                    pipeline = TrainingPipeline(
                        inventory: inventory, interfaces: 1, hashSeed: 7, length: .seconds(900),
                        started: frames[0].time)
                }
                now = frames[frames.count - 1].time
                pipeline?.process(frames)
            }
        }
        var provenance = Model.Provenance()
        provenance.last = now
        provenance.inventory = inventory
        let known = try #require(pipeline?.progress(at: now).facts)
        let model = try #require(try pipeline?.model(provenance)).model
        // What the status counts while learning are contacts of names, as in the model.
        let contacts = model.graph.namedEdges.count
        #expect(known <= contacts && known > contacts / 2, "\(known) of \(contacts)")
        return model
    }

    @Test func aModelLearnedInOnePassFindsAttacksWithoutFalseAlarms() throws {
        let inventory = try Inventory(path: Self.captures + "/inventory.yaml")
        let model = try learn("clean-train", inventory: inventory)
        func judge(_ name: String) throws -> Evaluation {
            var replay = Replay(paths: ["\(Self.captures)/\(name).pcap"], model: model)
            replay.inventory = inventory
            let labels = try Label.read("\(Self.captures)/\(name).labels.jsonl")
            var evaluator = Evaluator(replay: replay, labels: labels)
            return try evaluator.run().0
        }
        let mixed = try judge("mixed")
        #expect(
            mixed.attacks.count == 20 && mixed.detectedCount >= 19,
            "\(mixed.attacks.filter { !$0.isDetected })")
        #expect(mixed.victimsQuarantined.isEmpty && mixed.cleanQuarantined.isEmpty)
        #expect(mixed.falseIncidents.count <= 1, "\(mixed.falseIncidents)")
    }
}
