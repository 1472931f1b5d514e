import FeatureExtraction
import FlowHistory
import FlowMetering

extension FlowCollector {
    /// Adds the record of a flow that has ended.
    mutating func add(_ record: FlowRecord, _ tags: FlowTags, of tracker: WindowTracker) {
        add(record, tag: tags[record.flow], isProven: tracker.isProven(record.key.originator))
    }

    /// Takes the records of flows that have ended.
    mutating func take(
        from meter: inout FlowMeter, _ tags: FlowTags, of tracker: WindowTracker
    ) {
        meter.drain { add($0, tags, of: tracker) }
        submitIfDue()
    }
}
