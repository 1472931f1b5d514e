import BaselineGraph
import FeatureExtraction
import NetworkAddresses
import Testing
import Workloads

@testable import AnomalyModel

struct TrainerTests {
    private func window(_ host: UInt32, second: Int, flows: Float) -> Window {
        var values = [Float](repeating: 0, count: Feature.count)
        values[Feature.flows.rawValue] = flows
        return Window(
            subject: IPAddress(v4: 0x0A00_0000 + host), scale: .short, endSecond: second,
            values: values)
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
}
