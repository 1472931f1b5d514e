import FeatureExtraction
import FlowHistory
import FlowMetering
import Timestamps

extension FlowCollector {
    /// Takes the records of flows that have ended; of all, if these were the last packets.
    mutating func take(
        from meter: inout FlowMeter, _ tags: FlowTags, of tracker: WindowTracker,
        isLast: Bool = false
    ) {
        if isLast {
            finish(&meter, tags) { tracker.isProven($0) }
        } else {
            take(from: &meter, tags, now: Clock.monotonic()) { tracker.isProven($0) }
        }
    }
}
