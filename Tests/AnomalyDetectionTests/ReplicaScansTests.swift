import AttackPatterns
import FeatureExtraction
import NetworkAddresses
import Testing

@testable import AnomalyDetection

/// A scan that is spread over the replicas of one workload.
struct ReplicaScansTests {
    @Test func replicasThatScanTogetherAreAddedUp() {
        var scans = ReplicaScans()
        func note(_ address: UInt32, failed: Float, second: Int = 1000) -> ReplicaScans.Scan? {
            var values = [Float](repeating: 0, count: Feature.count)
            values[Feature.newEdgeFailed.rawValue] = failed
            values[Feature.newPorts.rawValue] = failed
            values[Feature.newPeers.rawValue] = 1
            let window = Window(
                subject: IPAddress(v4: address), scale: .long, endSecond: second, values: values)
            return scans.note(window, workload: "api")
        }
        #expect(note(1, failed: 5) == nil)
        #expect(note(1, failed: 12) == nil, "one replica alone is that host's own incident")
        #expect(note(1, failed: 5) == nil)
        let scan = note(2, failed: 6)
        #expect(scan?.pattern == .verticalScan && scan?.replicas == 2 && scan?.failed == 11)
        // The windows of the others are too old.
        #expect(note(3, failed: 6, second: 2000) == nil)
    }
}
