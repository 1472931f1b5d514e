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

    /// The model, and the number of contacts that the status showed.
    private func learn(
        _ name: String, inventory: Inventory
    ) throws -> (model: Model, contacts: Int) {
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
        return (model, known)
    }

    @Test func aModelLearnedInOnePassFindsAttacksWithoutFalseAlarms() throws {
        let inventory = try Inventory(path: Self.captures + "/inventory.yaml")
        let (model, known) = try learn("clean-train", inventory: inventory)
        // What the status counts while learning are contacts of names, as in the model.
        let contacts = model.graph.namedEdges.count
        #expect(known <= contacts && known > contacts / 2, "\(known) of \(contacts)")
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

    /// What a scan found would be known contacts.
    @Test func whatSuspectsContactedIsNotLearned() throws {
        let inventory = try Inventory(path: Self.captures + "/inventory.yaml")
        let (model, known) = try learn("mixed", inventory: inventory)
        let edges = model.graph.namedEdges
        var services: [String: Int] = [:]
        for edge in edges { services["\(edge.subject) \(edge.peer)", default: 0] += 1 }
        let most = services.max { $0.value < $1.value }
        #expect(known > 1000 && edges.count < 200, "\(known) \(edges.count)")
        #expect((most?.value ?? 0) <= 5, "\(String(describing: most))")
        // What the others did is there.
        #expect(edges.contains { $0.subject == "worker" && $0.peer == "db" }, "\(edges)")
        var training = Training(paths: ["\(Self.captures)/mixed.pcap"])
        training.inventory = inventory
        training.excludesSuspects = true
        let offline = try training.run().model.graph.namedEdges
        let missing = offline.filter { edge in
            !edges.contains { $0 == edge }
        }
        // The probes of a slow scan.
        #expect(missing.allSatisfy { $0.subject == "report" && $0.peer == "store" }, "\(missing)")
    }
}
