import AnomalyDetection
import AttackPatterns
import BaselineGraph
import FeatureExtraction
import Foundation
import NetworkAddresses
import TestKit
import Testing
import Timestamps
import Workloads

@testable import AnomalyModel

/// Clean windows of a few hosts, with some noise.
private func cleanWindow(_ host: UInt32, second: Int, _ generator: inout SeededGenerator) -> Window
{
    var values = [Float](repeating: 0, count: Feature.count)
    let flows = Float.random(in: 2...8, using: &generator)
    values[Feature.flows.rawValue] = flows
    values[Feature.packetsOut.rawValue] = flows * 8
    values[Feature.bytesOut.rawValue] = flows * 900
    values[Feature.bytesIn.rawValue] = flows * 4000
    values[Feature.peers.rawValue] = Float.random(in: 1...3, using: &generator).rounded()
    values[Feature.ports.rawValue] = 2
    values[Feature.edges.rawValue] = 3
    values[Feature.flowsPerEdge.rawValue] = flows / 3
    return window(host, second: second, values)
}

private func window(_ host: UInt32, second: Int, _ values: [Float]) -> Window {
    Window(
        subject: IPAddress(v4: 0x0A00_0000 + host), scale: .short, endSecond: second, values: values
    )
}

/// Ways to damage a model.
enum Damage: CaseIterable {
    case noThreshold, endlessThreshold, highThreshold, noBaseline, endlessBaseline, unordered
    case noNode, noTail, flatTail, noBudget, noScore, earliest, latest
    case noMinutesOfNode, unorderedMinutes, noIndependence, moreScores, endlessMinutes

    func apply(to model: inout Model) {
        func change(_ body: (inout GroupBaseline) -> Void) {
            let node = model.scales[1].baseline.groups[ScaleBaseline.node]
            guard var group = node else { return }
            body(&group)
            model.scales[1].baseline.groups[ScaleBaseline.node] = group
        }
        func change(_ body: (inout MinuteGroup) -> Void) {
            guard var group = model.minutes?.groups["10.0.0.1"] else { return }
            body(&group)
            model.minutes?.groups["10.0.0.1"] = group
        }
        switch self {
        case .noMinutesOfNode: model.minutes?.groups[ScaleBaseline.node] = nil
        case .unorderedMinutes: change { (group: inout MinuteGroup) in group.median[0] = 80 }
        case .noIndependence: change { (group: inout MinuteGroup) in group.independence = 0 }
        case .moreScores:
            change { (group: inout MinuteGroup) in group.scoreCount = group.scores.count - 1 }
        case .endlessMinutes: model.minutes?.minutesPerDay = .infinity
        case .noThreshold: model.scales[0].threshold = .nan
        case .endlessThreshold: model.scales[2].threshold = .infinity
        case .highThreshold: model.scales[0].threshold = 0.9
        case .noBaseline: change { (group: inout GroupBaseline) in group.median[0] = .nan }
        case .endlessBaseline:
            change { (group: inout GroupBaseline) in group.largest[3] = .infinity }
        case .unordered:
            change { (group: inout GroupBaseline) in group.median[0] = group.largest[0] + 1 }
        case .noNode: model.scales[0].baseline.groups[ScaleBaseline.node] = nil
        case .noTail: model.scales[0].calibration.tailShape = .nan
        case .flatTail: model.scales[0].calibration.tailScale = 0
        case .noBudget: model.provenance.falseAlarmsPerDay = -.infinity
        case .noScore: model.scales[0].calibration.scores = [.nan]
        case .earliest: model.provenance.first = .distantPast
        case .latest: model.provenance.last = .distantFuture
        }
    }
}

private func cleanModel(seed: UInt64 = 1) throws -> Model {
    var generator = SeededGenerator(seed: 7)
    var trainer = Trainer(inventory: .empty, seed: seed)
    for second in 0..<150 {
        for host in 1...4 as ClosedRange<UInt32> {
            var window = cleanWindow(host, second: second * 60, &generator)
            trainer.observe(window)
            window.scale = .medium
            trainer.observe(window)
        }
    }
    var provenance = Model.Provenance()
    provenance.sources = ["clean \"one\".pcap"]
    provenance.seed = seed
    return try trainer.finish(graph: CommunicationGraph(), provenance: provenance).identified()
}

struct ModelTests {
    @Test func theSameWindowsAndSeedYieldTheSameBytes() throws {
        #expect(try cleanModel().encoded() == cleanModel().encoded())
        #expect(try cleanModel(seed: 1).encoded() != cleanModel(seed: 2).encoded())
    }

    @Test func aModelSurvivesItsEncoding() throws {
        let model = try cleanModel()
        let decoded = try Model(decoding: model.encoded())
        #expect(decoded == model)
        #expect(decoded.identifier.count == 16)
    }

    @Test func everyChangedOrMissingByteIsDetected() throws {
        let bytes = try cleanModel().encoded()
        for at in stride(from: 0, to: bytes.count, by: 997) {
            var damaged = bytes
            damaged[at] ^= 0x10
            #expect(throws: ModelError.self) { try Model(decoding: damaged) }
            #expect(throws: ModelError.self) { try Model(decoding: Array(bytes[..<at])) }
        }
        #expect(throws: ModelError.notAModel) { try Model(decoding: Array("no model at all".utf8)) }
        #expect(throws: ModelError.notAModel) { try Model(decoding: []) }
    }

    /// Numbers that no training yields, in files with a correct digest: each would disable
    /// detection or end the program.
    @Test(arguments: Damage.allCases) func aNumberOutOfRangeIsRefused(damage: Damage) throws {
        var model = try cleanModel()
        damage.apply(to: &model)
        let bytes = model.encoded()
        #expect(throws: ModelError.self, "\(damage)") { try Model(decoding: bytes) }
        let scratch = try Scratch()
        let path = try scratch.write("bad.model", Data(bytes))
        for words in [
            ["model", "show", path], ["model", "verify", path],
            [
                "replay", "-r", "captures/clean-test.pcap", "-m", path, "--report",
                scratch.path("r.html"),
            ],
        ] {
            let run = try Run(words)
            #expect(run.status == 1, "\(words): \(run.status) \(run.errors)")
            #expect(run.errors.contains("is damaged: "), "\(words): \(run.errors)")
        }
    }

    @Test(.needs("python3")) func aFileThatIsTooLargeIsRefused() throws {
        let scratch = try Scratch()
        let path = try scratch.write("sparse.model", Data(cleanModel().encoded().prefix(14)))
        #expect(truncate(path, 8 << 30) == 0)
        let run = try Bounded(["model", "show", path])
        #expect(
            run.status == 1 && run.errors.contains("at most 512 MiB are read"),
            "\(run.errors)")
        #expect(run.peakBytes < 100 << 20, "\(run.peakBytes >> 20) MiB")
    }

    @Test func cleanWindowsPassAndAnomalousOnesAreReportedWithReasons() throws {
        var detector = Detector(model: try cleanModel(), inventory: .empty)
        var generator = SeededGenerator(seed: 8)
        for second in 0..<300 {
            let clean = cleanWindow(1, second: 1000 + second, &generator)
            let verdict = detector.judge(clean)
            #expect(verdict == nil)
        }
        let clean = cleanWindow(1, second: 0, &generator)
        var values = Feature.allCases.map { clean[$0] }
        values[Feature.ports.rawValue] = 400
        values[Feature.edges.rawValue] = 400
        values[Feature.flows.rawValue] = 400
        values[Feature.failed.rawValue] = 398
        values[Feature.failedShare.rawValue] = 0.98
        let judged = detector.judge(window(1, second: 2000, values))
        let verdict = try #require(judged)
        #expect(verdict.pattern == .verticalScan && verdict.level == .quarantine)
        #expect(verdict.pattern?.technique == "T1046")
        #expect(verdict.score >= verdict.threshold && verdict.pValue < 0.01)
        let ports = try #require(verdict.reasons.first { $0.feature == .ports })
        #expect(ports.text == "400 distinct destination ports in 10 s; clean maximum 2")
        #expect(ports.baselineP99 == 2 && ports.value == 400)
    }

    @Test func oneWindowIsEnoughForAModel() throws {
        var generator = SeededGenerator(seed: 7)
        var trainer = Trainer(inventory: .empty, seed: 1)
        trainer.observe(cleanWindow(1, second: 5, &generator))
        let model = try trainer.finish(graph: CommunicationGraph(), provenance: Model.Provenance())
        #expect(model[.long].baseline.groups[ScaleBaseline.node]?.windowCount == 2)
    }

    @Test func trainingWithoutWindowsFails() {
        let trainer = Trainer(inventory: .empty, seed: 1)
        #expect(throws: ModelError.self) {
            _ = try trainer.finish(graph: CommunicationGraph(), provenance: Model.Provenance())
        }
    }
}
