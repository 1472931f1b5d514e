import AnomalyDetection
import BaselineGraph
import FeatureExtraction
import NetworkAddresses
import Testing
import Workloads

@testable import AnomalyModel

struct TrainerTests {
    private func window(
        _ host: UInt32, second: Int, flows: Float, scale: Scale = .short, age: Int = 0
    ) -> Window {
        var values = [Float](repeating: 0, count: Feature.count)
        values[Feature.flows.rawValue] = flows
        return Window(
            subject: IPAddress(v4: 0x0A00_0000 + host), scale: scale, endSecond: second,
            ageSeconds: age, values: values)
    }

    /// A long training keeps a sample of its windows. A peak that is not in it is clean, too.
    @Test(arguments: [0, 35_000, 69_999])
    func theLargestValuesOfAllWindowsAreClean(peak: Int) throws {
        var trainer = Trainer(inventory: .empty, seed: 1)
        let count = Trainer.rowLimit + 10_000
        for number in 0..<count {
            let host = UInt32(number % 4 + 1)
            trainer.observe(
                window(host, second: number / 4, flows: number == peak ? 500 : 3))
        }
        let model = try trainer.finish(
            graph: CommunicationGraph(), provenance: Model.Provenance())
        let column = Feature.flows.rawValue
        let largest = FeatureSchema.description(of: .flows).transformed(500, seconds: 10)
        let name = "10.0.0.\(peak % 4 + 1)"
        #expect(model[.short].baseline.groups[name]?.largest[column] == largest)
        #expect(model[.short].baseline.groups[ScaleBaseline.node]?.largest[column] == largest)
        let other = model[.short].baseline.groups["10.0.0.\((peak + 1) % 4 + 1)"]
        #expect(try #require(other).largest[column] < largest)
    }

    /// The clock of a capture jumps back, behind its first packet.
    @Test(arguments: [true, false])
    func aClockThatJumpsBackIsNoError(learnsTime: Bool) throws {
        var trainer = Trainer(inventory: .empty, seed: 1, learnsTime: learnsTime)
        for number in 0..<400 {
            let second = number < 200 ? 1_000_000 + number : number * 1000
            for scale in Scale.allCases {
                trainer.observe(
                    window(UInt32(number % 3 + 1), second: second, flows: 3, scale: scale))
            }
        }
        let model = try trainer.finish(
            graph: CommunicationGraph(), provenance: Model.Provenance())
        #expect(Scale.allCases.allSatisfy { model[$0].threshold.isFinite })
    }

    /// A model of a short training judges windows as far as it had windows of that length: a busy
    /// client is not accused of what no baseline shows.
    @Test func windowsLongerThanTheTrainingAreNotJudged() throws {
        var trainer = Trainer(inventory: .empty, seed: 1)
        for age in 1...20 {
            for scale in Scale.allCases where age % 5 == 0 {
                trainer.observe(
                    window(1, second: age, flows: Float(3 * age), scale: scale, age: age))
            }
        }
        let model = try trainer.finish(
            graph: CommunicationGraph(), provenance: Model.Provenance())
        #expect(Scale.allCases.map { model[$0].learnedSeconds } == [10, 20, 20])
        func isJudged(_ scale: Scale, age: Int) -> Bool {
            var detector = Detector(model: model, inventory: .empty)
            _ = detector.judge(window(1, second: 1000, flows: 5000, scale: scale, age: age))
            return detector.scoredCount > 0
        }
        #expect(isJudged(.short, age: 5000))
        #expect(isJudged(.long, age: 20) && isJudged(.long, age: 25))
        #expect(!isJudged(.long, age: 26) && !isJudged(.medium, age: 5000))
        let stored = try Model(decoding: model.encoded())
        #expect(Scale.allCases.map { stored[$0].learnedSeconds } == [10, 20, 20])
    }
}
