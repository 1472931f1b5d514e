public import AnomalyDetection
import FeatureExtraction
import FlowMetering
import PacketCapture
import PacketDecoding
public import Workloads

/// Ranks the addresses of captures against each other, without a model.
public struct Ranking {
    public var paths: [String]
    public var filter = ""
    public var inventory = Inventory.empty
    public var seed: UInt64 = 1

    public init(paths: [String]) { self.paths = paths }

    /// Reads the captures twice.
    ///
    /// - Returns: the addresses, oddest first, and lines to tell on standard error.
    public func run(
        progress: ProgressReport? = nil
    ) throws -> (entries: [OutlierRanking.Entry], warnings: [String], packetCount: Int) {
        let spool = try InputSpool(paths)
        let loop = PacketLoop(paths: spool.paths, filter: filter, progress: progress)
        var ranking = OutlierRanking(inventory: inventory, seed: seed)
        func pass(_ body: (Window) -> Void) throws(CaptureError) -> PacketLoop.Report {
            var tracker = WindowTracker(inventory: inventory, graph: nil, mode: .withoutBaseline)
            let report = try loop.run { packet, update, meter in
                tracker.advance(to: packet.timeNanoseconds, body)
                if let tag = tracker.observe(packet, update) { meter.setTag(tag, of: update.flow) }
            }
            tracker.finish(body)
            return report
        }
        let report = try pass { ranking.collect($0) }
        let warnings = report.warnings.map(\.description)
        guard ranking.fit() else { return ([], warnings, report.packetCount) }
        _ = try pass { ranking.rank($0) }
        return (ranking.entries, warnings, report.packetCount)
    }
}
