import AnomalyModel
import Foundation
import TestKit
import Testing

@testable import Offline

/// Training that leaves out what does not look clean.
struct TrainingTests {
    /// The packets that a graph is learned from are kept, or the capture is read once more: the
    /// model is the same.
    @Test(arguments: [0, 100])
    func aModelDoesNotDependOnWhetherPacketsAreKept(limit: Int) throws {
        var training = Training(paths: [Run.root.appendingPathComponent("captures/mixed.pcap").path]
        )
        training.excludesSuspects = true
        let kept = try training.run()
        #expect(kept.advice.contains { $0.hasPrefix("left out: ") })
        training.keptLimit = limit
        let readAgain = try training.run()
        #expect(kept.model.encoded() == readAgain.model.encoded())
        // What was left out matters.
        training.excludesSuspects = false
        #expect(try training.run().model.encoded() != kept.model.encoded())
    }
}
