import AnomalyDetection
import FeatureExtraction
import FlowMetering
import Indicators
import NetworkAddresses
import PacketDecoding
import RuntimeEvents
import SenderAttribution
import Workloads
import Timestamps

/// Metered packets in the order of their arrival, and what takes effect after them.
struct MeteredBatch: Sendable {
    /// What changes for the packets that follow.
    enum Change: Sendable {
        case names(WorkloadChange)
        case ports(PortChange)
        case nodeAddresses(Set<IPAddress>)
        case indicators(IndicatorTable)
        case raised(RuntimeEvent, workload: String)
        case isCramped(Bool)
    }

    private(set) var packets: [Packet] = []
    private(set) var updates: [FlowUpdate] = []
    /// The number of packets that were metered.
    private var meteredCount = 0
    /// Records that the meter wrote with these packets; no later packet is of a flow that ended.
    private(set) var records: [FlowRecord] = []
    var changes: [Change] = []
    /// The time up to which windows end, whether or not packets follow; nil: that of the packets.
    var clock: Timestamp?

    /// The number of packets from which on a batch is handed over.
    static let fill = 256

    var count: Int { packets.count }
    var isEmpty: Bool {
        packets.isEmpty && records.isEmpty && changes.isEmpty && clock == nil
    }

    @inline(__always)
    mutating func append(_ packet: Packet) { packets.append(packet) }

    /// Meters the packets that were appended, and takes the records of flows that have ended.
    mutating func meter(by meter: inout FlowMeter) {
        let range = meteredCount..<packets.count
        updates += repeatElement(FlowUpdate(), count: range.count)
        meter.observe(&packets, &updates, range)
        meteredCount = packets.count
        meter.drain { records.append($0) }
    }

    /// Makes it empty; its memory is kept.
    mutating func clear() {
        packets.removeAll(keepingCapacity: true)
        updates.removeAll(keepingCapacity: true)
        records.removeAll(keepingCapacity: true)
        changes.removeAll(keepingCapacity: true)
        meteredCount = 0
        clock = nil
    }
}

/// Batches that wait until the windows before them are judged: the kernel's ring is emptied
/// meanwhile.
struct BatchBacklog: Sendable {
    private var batches: [MeteredBatch] = []
    private var head = 0
    /// The number of packets that wait.
    private(set) var packetCount = 0

    /// The greatest number of packets that wait, about 35 MB.
    static let limit = 65_536
    /// The number of taken batches from which on their places are given back.
    private static let kept = 64

    var isEmpty: Bool { head == batches.count }
    var isFull: Bool { packetCount >= Self.limit }

    /// The oldest batch.
    ///
    /// - Precondition: it is not empty.
    var first: MeteredBatch {
        _read { yield batches[head] }
    }

    mutating func append(_ batch: consuming MeteredBatch) {
        packetCount += batch.count
        batches.append(batch)
    }

    /// Removes the oldest batch.
    ///
    /// - Precondition: it is not empty.
    mutating func removeFirst() -> MeteredBatch {
        var batch = MeteredBatch()
        swap(&batch, &batches[head])
        packetCount -= batch.count
        head += 1
        if head == batches.count || head >= Self.kept && head * 2 >= batches.count {
            batches.removeFirst(head)
            head = 0
        }
        return batch
    }
}
