internal import SQLite
public import Timestamps

extension HistoryReader {
    /// The most flows that one call reads: the latest ones.
    private static let contactLimit: Int64 = 1_000_000

    /// Reads the flows that ended since a time, the latest first, and not those of earlier calls.
    ///
    /// - Parameters:
    ///   - number: only flows from this number on; the result of an earlier call, or 0.
    ///   - body: receives each flow.
    /// - Returns: the number behind the last flow.
    public func flows(
        from number: Int64, since: Timestamp, _ body: (NamedFlow) -> Void
    ) throws(HistoryError) -> Int64 {
        try read { database in
            let end = try database.integer("SELECT coalesce(max(number + count), 0) FROM blocks")
            // A file that was set aside as damaged has a new one, which counts from the start.
            let first = max(number > end ? 0 : number, end - Self.contactLimit)
            guard first < end else { return end }
            let parts = try BlockParts.of(database)
            let entries = try Self.entries(database, since, nil)
            while try entries.step() {
                let entry = Entry(entries)
                guard entry.number &+ max(0, entry.count) > first else { break }
                guard (1...Int64(FlowBlock.rowLimit)).contains(entry.count),
                    let table = HostTable(frame: try parts.hosts(entry.number)),
                    var block = FlowBlock(
                        count: Int(entry.count), columns: try parts.columns(entry.number)),
                    block.loadAll()
                else { continue }
                for row in Int(max(0, first &- entry.number))..<block.count {
                    guard let flow = block.flow(row, table), flow.entry.end >= since else {
                        continue
                    }
                    body(flow)
                }
            }
            return end
        }
    }
}
