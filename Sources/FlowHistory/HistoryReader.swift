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

    /// The most flows that one page looks at, so that a request is short even if nothing matches.
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

    /// A block's first number, and the number of its flows.
    struct Entry {
        var number: Int64
        var count: Int64
    }

    /// The blocks with flows of this time, the latest first.
    static func entries(
        _ database: borrowing Database, _ from: Timestamp?, _ to: Timestamp?, before: Int64 = .max
    ) throws -> [Entry] {
        try database.all(
            """
            SELECT number, count FROM blocks WHERE number < ? AND last >= ? AND first <= ?
            ORDER BY number DESC
            """, [before, from?.milliseconds ?? .min, to?.milliseconds ?? .max]
        ) { Entry(number: $0.integer(0), count: $0.integer(1)) }
    }

    private static func page(
        _ database: borrowing Database, _ query: FlowQuery, before: Int64, limit: Int
    ) throws -> FlowPage {
        var page = FlowPage()
        var scanned: Int64 = 0
        let entries = try Self.entries(database, query.from, query.to, before: before)
        let hosts = try database.prepare("SELECT hosts FROM blocks WHERE number = ?")
        let columns = try database.prepare("SELECT columns FROM blocks WHERE number = ?")
        for entry in entries {
            guard page.rows.count < limit, scanned < Self.scanLimit else {
                page.before = min(before, entry.number &+ max(0, entry.count))
                return page
            }
            guard (1...Int64(FlowBlock.rowLimit)).contains(entry.count) else {
                page.damaged += 1
                continue
            }
            // A block whose flows are skipped costs about a tenth.
            scanned += max(1, entry.count / 10)
            guard let table = HostTable(frame: try hosts.blob(for: entry.number)) else {
                page.damaged += entry.count
                continue
            }
            let match = BlockMatch(query, table)
            guard match.isPossible else { continue }
            scanned += entry.count
            guard
                let block = FlowBlock(
                    count: Int(entry.count), table: table,
                    columns: try columns.blob(for: entry.number))
            else {
                page.damaged += entry.count
                continue
            }
            // Flows with numbers from `before` on were in an earlier page.
            var row = Int(min(before &- entry.number, entry.count))
            while row > 0 {
                row -= 1
                guard match.matches(row, of: block) else { continue }
                guard let flow = block.flow(row) else {
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

extension Statement {
    /// The bytes of the only column for one number.
    func blob(for number: Int64) throws -> [UInt8] {
        defer { reset() }
        try bind([number])
        return try step() ? blob(0) : []
    }
}
