internal import SQLite
internal import SystemSupport
internal import Timestamps

/// A part of a query's answer.
public struct FlowPage: Sendable {
    /// A flow and its number, which orders flows by their ends.
    public struct Row: Sendable, Equatable {
        public var number: Int64
        public var flow: NamedFlow

        public init(number: Int64, flow: NamedFlow) {
            self.number = number
            self.flow = flow
        }
    }

    /// The latest first.
    public var rows: [Row] = []
    /// Continues behind this page; nil: there is nothing more.
    public var before: Int64?
    /// Flows that could not be read, since the file is damaged there.
    public var damaged: Int64 = 0

    public init() {}
}

/// Reads a history, whether or not it is being written. Each page is read on a connection of its
/// own, from the state of one moment.
public struct HistoryReader: Sendable {
    private let path: String

    /// The most flows that one page decodes, so that a request is short even if nothing matches.
    private static let scanLimit = 1 << 20

    /// - Parameter directory: the monitor's state directory.
    public init(directory: String) { path = directory + "/" + HistoryFile.name }

    /// The flows that match, the latest first.
    ///
    /// - Parameters:
    ///   - before: only flows with smaller numbers.
    ///   - limit: the most flows of the page.
    public func page(
        _ query: FlowQuery, before: Int64? = nil, limit: Int
    ) throws(HistoryError) -> FlowPage {
        try read { database in
            try Self.page(database, query, before: before ?? .max, limit: limit)
        }
    }

    /// Runs `body` on the state of one moment.
    func read<T>(
        _ body: (borrowing Database) throws -> T
    ) throws(HistoryError) -> T {
        guard Files.exists(path) else { throw .missing(path: path) }
        do {
            let database = try Database(
                path: HistoryFile.resolved(path), waiting: 5000, isReadOnly: true)
            return try database.transaction("BEGIN") { database in
                // A monitor that begins has created the file, but nothing in it yet.
                guard try database.integer("SELECT count(*) FROM sqlite_master") > 0 else {
                    throw HistoryError.missing(path: path)
                }
                try HistoryFile.check(database, path)
                return try body(database)
            }
        } catch { throw HistoryError(error, path) }
    }

    /// A block's first number, the number of its flows, and their time in milliseconds.
    struct Entry {
        var number: Int64
        var count: Int64
        var first: Int64
        var last: Int64

        init(_ row: borrowing Statement) {
            number = row.integer(0)
            count = row.integer(1)
            first = row.integer(2)
            last = row.integer(3)
        }
    }

    /// The blocks with flows of this time, the latest first.
    static func entries(
        _ database: borrowing Database, _ from: Timestamp?, _ to: Timestamp?, before: Int64 = .max
    ) throws -> Statement {
        let entries = try database.prepare(
            """
            SELECT number, count, first, last FROM blocks
            WHERE number < ? AND last >= ? AND first <= ? ORDER BY number DESC
            """)
        try entries.bind([before, from?.milliseconds ?? .min, to?.milliseconds ?? .max])
        return entries
    }

    private static func page(
        _ database: borrowing Database, _ query: FlowQuery, before: Int64, limit: Int
    ) throws -> FlowPage {
        var page = FlowPage()
        var scanned: Int64 = 0
        let parts = try BlockParts.of(database)
        let keys = query.keys
        var scan = BlockScan(query)
        let entries = try Self.entries(database, query.from, query.to, before: before)
        while try entries.step() {
            let entry = Entry(entries)
            guard page.rows.count < limit, scanned < Self.scanLimit else {
                page.before = min(before, entry.number &+ max(0, entry.count))
                return page
            }
            guard (1...Int64(FlowBlock.rowLimit)).contains(entry.count) else {
                page.damaged += 1
                continue
            }
            // What a block costs: next to nothing where the filter skips it, a tenth where its
            // ends do, a third where no flow has its port.
            scanned += max(1, entry.count / 256)
            guard try parts.filter(entry.number).map({ keys.allSatisfy($0.mayContain) }) ?? true
            else { continue }
            var table: HostTable?
            if scan.needsEnds {
                scanned += entry.count / 10
                table = HostTable(frame: try parts.hosts(entry.number))
                guard let table else {
                    page.damaged += entry.count
                    continue
                }
                guard scan.take(table) else { continue }
            }
            scanned += entry.count / 3
            guard
                var block = FlowBlock(
                    count: Int(entry.count), columns: try parts.columns(entry.number)),
                let isFound = scan.find(in: &block, first: entry.first, last: entry.last)
            else {
                page.damaged += entry.count
                continue
            }
            guard isFound else { continue }
            scanned += entry.count / 2
            if table == nil { table = HostTable(frame: try parts.hosts(entry.number)) }
            guard let table, block.loadAll() else {
                page.damaged += entry.count
                continue
            }
            // Flows with numbers from `before` on were in an earlier page.
            var row = Int(min(before &- entry.number, entry.count))
            while row > 0 {
                row -= 1
                guard scan.rows[row] == 1 else { continue }
                guard let flow = block.flow(row, table) else {
                    page.damaged += 1
                    continue
                }
                let number = entry.number &+ Int64(row)
                page.rows.append(FlowPage.Row(number: number, flow: flow))
                if page.rows.count >= limit {
                    page.before = number
                    return page
                }
            }
        }
        return page
    }
}

/// Reads the parts of blocks.
struct BlockParts: ~Copyable {
    let hosts: Statement
    let columns: Statement
    let filters: Statement

    static func of(_ database: borrowing Database) throws -> BlockParts {
        // Files of version 1 have no filters.
        let hasFilters = try database.integer("PRAGMA user_version") > 1
        return BlockParts(
            hosts: try database.prepare("SELECT hosts FROM blocks WHERE number = ?"),
            columns: try database.prepare("SELECT columns FROM blocks WHERE number = ?"),
            filters: try database.prepare(
                hasFilters
                    ? "SELECT filter FROM filters WHERE number = ?" : "SELECT x'' WHERE ? IS NULL"))
    }

    func hosts(_ number: Int64) throws -> [UInt8] { try hosts.blob(for: number) }

    func columns(_ number: Int64) throws -> [UInt8] { try columns.blob(for: number) }

    /// Nil: there is none, or it is damaged.
    func filter(_ number: Int64) throws -> BlockFilter? {
        BlockFilter(frame: try filters.blob(for: number))
    }
}

extension Statement {
    /// The bytes of the only column for one number.
    func blob(for number: Int64) throws -> [UInt8] {
        defer { reset() }
        try bind([number])
        return try step() ? blob(0) : []
    }
}
