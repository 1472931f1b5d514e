import AnomalyDetection
import BaselineGraph
import FeatureExtraction
import NetworkAddresses
import Testing

@testable import AnomalyModel
@testable import Workloads

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

    private static let count = Trainer.rowLimit + 10_000

    /// Five hours of four hosts, with 500 flows in some windows and 3 in the others.
    private func fiveHours(
        peaks: Set<Int>
    ) throws -> (model: Model, setAside: [SetAside]) {
        var trainer = Trainer(inventory: .empty, seed: 1)
        for number in 0..<Self.count {
            let host = UInt32(number % 4 + 1)
            trainer.observe(
                window(
                    host, second: 1_000_000 + number / 4, flows: peaks.contains(number) ? 500 : 3))
        }
        return try trainer.fitted(graph: CommunicationGraph(), provenance: Model.Provenance())
    }

    private func largest(_ model: Model, _ group: String) throws -> Float {
        try #require(model[.short].baseline.groups[group]).largest[Feature.flows.rawValue]
    }

    private func transformed(_ flows: Float) -> Float {
        FeatureSchema.description(of: .flows).transformed(flows, seconds: 10)
    }

    /// An attacker who forges addresses during a training does not fill the memory.
    @Test func unnamedAddressesBeyondTheLimitAreNotLearned() {
        var trainer = Trainer(inventory: .empty, seed: 1)
        for number in 0..<Trainer.identityLimit + 500 {
            trainer.observe(window(UInt32(number), second: 1_000_000 + number / 1000, flows: 1))
        }
        #expect(trainer.workloadCount == Trainer.identityLimit && trainer.unlearnedCount == 500)
        // Known addresses are learned on, and named workloads always.
        trainer.observe(window(3, second: 1_000_100, flows: 1))
        var named = window(UInt32(Trainer.identityLimit + 600), second: 1_000_100, flows: 1)
        named.identity = Identity(
            name: "database", image: nil, network: "backend", place: .inside, isNamed: true)
        trainer.observe(named)
        #expect(trainer.workloadCount == Trainer.identityLimit + 1)
        #expect(trainer.unlearnedCount == 500)
        #expect(
            trainer.unlearned(CommunicationGraph())
                == ["500 windows were not learned: there are too many addresses"])
    }

    /// A long training keeps a sample of its windows. What was seen twice is clean, also if it is
    /// not in it.
    @Test(arguments: [0, 35_000, 69_999])
    func theLargestValuesOfAllWindowsAreClean(peak: Int) throws {
        let (model, setAside) = try fiveHours(peaks: [peak, (peak + 20_000) % Self.count])
        #expect(setAside.isEmpty)
        #expect(try largest(model, "10.0.0.\(peak % 4 + 1)") == transformed(500))
        #expect(try largest(model, ScaleBaseline.node) == transformed(500))
        #expect(try largest(model, "10.0.0.\((peak + 1) % 4 + 1)") == transformed(3))
    }

    /// One odd window moves no limit: the same is anomalous later. It is listed.
    @Test(arguments: [0, 35_000, 69_999])
    func whatWasSeenOnceFarAboveAllElseIsNotClean(peak: Int) throws {
        // The windows of the next seconds share its packets.
        let episode = Set((0..<10).map { peak + 4 * $0 }.filter { $0 < Self.count })
        let (model, setAside) = try fiveHours(peaks: episode)
        let name = "10.0.0.\(peak % 4 + 1)"
        #expect(try largest(model, name) == transformed(3))
        #expect(try largest(model, ScaleBaseline.node) == transformed(3))
        let odd = try #require(setAside.first)
        #expect(setAside.count == 1 && odd.workload == name && odd.feature == .flows)
        #expect(abs(odd.value - 500) < 0.01 && abs(odd.otherwise - 3) < 0.01)
        #expect((0...9).contains(odd.second - 1_000_000 - peak / 4))
        #expect(
            odd.text.hasPrefix("\(name), 500 flows opened in 10 s at 1970-01-12")
                && odd.text.hasSuffix(", at all other times at most 3"), "\(odd.text)")
        var detector = Detector(model: model, inventory: .empty)
        _ = detector.judge(window(UInt32(peak % 4 + 1), second: 2_000_000, flows: 500))
        #expect(detector.scoredCount == 1)
    }

    /// A restart of each replica is an event of several addresses, and is learned.
    @Test func whatSeveralAddressesDidIsClean() throws {
        let (model, setAside) = try fiveHours(peaks: [30_000, 30_001])
        #expect(try largest(model, ScaleBaseline.node) == transformed(500))
        #expect(setAside.map(\.workload) == ["10.0.0.1", "10.0.0.2"])
    }

    /// In a short training, much that is usual was seen once.
    @Test func aTrainingOfLessThanAnHourTakesAllForClean() throws {
        var trainer = Trainer(inventory: .empty, seed: 1)
        for second in 0..<3500 {
            trainer.observe(window(1, second: second, flows: second == 1700 ? 500 : 3))
        }
        let (model, setAside) = try trainer.fitted(
            graph: CommunicationGraph(), provenance: Model.Provenance())
        #expect(try largest(model, "10.0.0.1") == transformed(500) && setAside.isEmpty)
    }

    /// Peaks are the same in any order of what they were added.
    @Test func aPeaksRunnerUpIsOfAnotherEpisode() {
        let rows: [(Float, UInt32, Int32)] = [
            (9, 1, 1000), (8, 1, 1060), (7, 2, 1000), (6, 1, 1200), (5, 1, 940),
        ]
        for shift in rows.indices {
            var (peak, halves) = (Peak(), [Peak(), Peak()])
            for number in rows.indices {
                let (value, subject, second) = rows[(number + shift) % rows.count]
                peak.add(value, subject, second, reach: 70)
                halves[number % 2].add(value, subject, second, reach: 70)
            }
            #expect(peak.value == 9 && peak.second == 1000 && peak.runnerUp >= 7)
            halves[0].add(halves[1], reach: 70)
            #expect(halves[0].value == 9 && halves[0].runnerUp >= 7)
        }
        var alone = Peak()
        for (value, subject, second) in rows.prefix(2) {
            alone.add(value, subject, second, reach: 70)
        }
        #expect(alone.value == 9 && alone.runnerUp == -.infinity)
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

    @Test func theModelDoesNotDependOnTheNumberOfThreads() throws {
        var trainer = Trainer(inventory: .empty, seed: 3)
        for second in 0..<1200 {
            for host in 1...5 as ClosedRange<UInt32> {
                let flows = Float((second * 7 + Int(host) * 13) % 11)
                for scale in Scale.allCases where second % scale.bucketSeconds == 0 {
                    trainer.observe(window(host, second: second, flows: flows, scale: scale))
                }
            }
        }
        let files = try [1, 2, 40].map { threads in
            trainer.threadCount = threads
            return try trainer.finish(
                graph: CommunicationGraph(), provenance: Model.Provenance()
            ).encoded()
        }
        #expect(files[0].count > 10_000 && files[1] == files[0] && files[2] == files[0])
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
