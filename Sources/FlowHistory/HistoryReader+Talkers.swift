internal import SQLite
public import Timestamps

/// The traffic of one workload in a time.
public struct FlowTalker: Sendable, Equatable {
    /// The workload, or the address of a host without a name.
    public var name: String
    /// The flows that it opened or answered.
    public var flows = 0
    /// Bytes of the frames on the wire, from it and to it.
    public var bytesSent: UInt64 = 0
    public var bytesReceived: UInt64 = 0
    /// The workloads and addresses at the other ends of its flows.
    public var peers = 0
    /// Those of them to which it opened flows that its baseline does not know.
    public var newPeers = 0

    public init(name: String) { self.name = name }

    public var bytes: UInt64 { bytesSent &+ bytesReceived }
}

/// The workloads with the most traffic of a time.
public struct FlowTalkers: Sendable, Equatable {
    public enum Order: String, Sendable, CaseIterable {
        case bytes, flows
        case newPeers = "new_peers"
    }

    public var talkers: [FlowTalker] = []
    /// The number of workloads and addresses that had flows, without those that may be forged.
    public var total = 0
    /// The number of addresses that may be forged: one talker stands for them.
    public var forged = 0
    /// Whether there were more flows or peers than are counted; then the latest are.
    public var isPartial = false

    public init() {}
}

extension HistoryReader {
    /// The most flows that are counted: about half a second of work.
    private static let countLimit: Int64 = 4_000_000

    /// The workloads with the most traffic in the flows that were active in a time and have ended.
    public func talkers(
        from: Timestamp, to: Timestamp, by order: FlowTalkers.Order, limit: Int
    ) throws(HistoryError) -> FlowTalkers {
        try read { database in
            var tally = TalkerTally()
            let parts = try BlockParts.of(database)
            let entries = try Self.entries(database, from, to)
            var counted: Int64 = 0
            while try entries.step() {
                let entry = Entry(entries)
                guard counted < Self.countLimit else {
                    tally.isPartial = true
                    break
                }
                counted += max(1, entry.count)
                guard (1...Int64(FlowBlock.rowLimit)).contains(entry.count),
                    let table = HostTable(frame: try parts.hosts(entry.number)),
                    var block = FlowBlock(
                        count: Int(entry.count), columns: try parts.columns(entry.number)),
                    block.load(.times), block.load(.ends), block.load(.amounts)
                else { continue }
                tally.add(block, table, from: from.milliseconds, to: to.milliseconds)
            }
            return tally.result(by: order, limit: limit)
        }
    }
}
