public import NetworkAddresses
internal import SQLite
internal import SystemSupport

/// Erases the flows of an address from a history that no monitor is writing.
public struct HistoryEraser: Sendable {
    private let path: String

    /// - Parameter directory: the monitor's state directory.
    public init(directory: String) { path = directory + "/" + HistoryFile.name }

    /// Rewrites the blocks with flows of an address, in one transaction; what is erased is
    /// overwritten in the file.
    ///
    /// - Returns: the number of flows that were erased; 0 without a history.
    /// - Throws: `HistoryError`; then nothing is erased. Damaged blocks are an error, because they
    ///   may hide flows of the address.
    public func erase(_ address: IPAddress) throws(HistoryError) -> Int64 {
        guard Files.exists(path) else { return 0 }
        return try HistoryFile(path: path).erase(address)
    }
}

extension HistoryFile {
    fileprivate func erase(_ address: IPAddress) throws(HistoryError) -> Int64 {
        do {
            try database.execute("PRAGMA secure_delete = ON")
            return try database.transaction("BEGIN IMMEDIATE") { database in
                let parts = try BlockParts.of(database)
                var query = FlowQuery()
                query.peer = .prefix(IPPrefix(host: address))
                let keys = query.keys
                let blocks = try database.all(
                    "SELECT number, count, first, last FROM blocks ORDER BY number", [],
                    HistoryReader.Entry.init)
                var erased = 0
                for block in blocks {
                    let mayContain =
                        try parts.filter(block.number).map { keys.allSatisfy($0.mayContain) }
                        ?? true
                    guard mayContain else { continue }
                    let flows = try flows(of: block, parts)
                    let kept = flows.filter {
                        $0.entry.originator != address && $0.entry.responder != address
                    }
                    guard kept.count < flows.count else { continue }
                    erased += flows.count - kept.count
                    try replace(block.number, by: kept, database)
                }
                return Int64(erased)
            }
        } catch { throw HistoryError(error, path) }
    }

    private func flows(
        of entry: HistoryReader.Entry, _ parts: borrowing BlockParts
    ) throws -> [NamedFlow] {
        guard (1...Int64(FlowBlock.rowLimit)).contains(entry.count),
            let table = HostTable(frame: try parts.hosts(entry.number)),
            var block = FlowBlock(
                count: Int(entry.count), columns: try parts.columns(entry.number)),
            block.loadAll()
        else { throw HistoryError.damaged(path: path, why: "block \(entry.number)") }
        return try (0..<block.count).map { row in
            guard let flow = block.flow(row, table) else {
                throw HistoryError.damaged(path: path, why: "block \(entry.number)")
            }
            return flow
        }
    }

    private func replace(
        _ number: Int64, by flows: [NamedFlow], _ database: borrowing Database
    ) throws {
        guard !flows.isEmpty else {
            try database.execute("DELETE FROM filters WHERE number = ?", [number])
            try database.execute("DELETE FROM blocks WHERE number = ?", [number])
            return
        }
        guard let block = FlowBlock.encoded(flows[...]) else {
            throw HistoryError.database(path: path, why: "out of memory")
        }
        try database.execute(
            "INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?, ?, ?)",
            [number, block.count, block.first, block.last, block.hosts, block.columns])
        try database.execute(
            "INSERT OR REPLACE INTO filters VALUES (?, ?)", [number, block.filter])
    }
}
