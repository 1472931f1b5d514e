public import Quarantine
public import Responses
internal import SQLite
internal import Timestamps

/// The ledger of responses, with the audit trail.
extension EventStore: ResponseLedger {
    static let responseSchema = """
        CREATE TABLE responses (
            entry TEXT NOT NULL, object TEXT NOT NULL, rule TEXT NOT NULL,
            created INTEGER NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL,
            name TEXT NOT NULL, workload TEXT, engine TEXT NOT NULL, state TEXT NOT NULL,
            undo TEXT NOT NULL, detail TEXT NOT NULL, event TEXT NOT NULL,
            changed INTEGER NOT NULL, until INTEGER NOT NULL,
            PRIMARY KEY (entry, object, created)) WITHOUT ROWID;
        CREATE INDEX responses_by_state ON responses (state, changed);
        """

    /// The most responses that are kept after their end; the oldest are deleted first.
    public static let endedResponsesKept = 10_000

    private static let over = ResponseRecord.State.allCases.filter(\.isOver)
        .map { "'\($0.rawValue)'" }.joined(separator: ", ")

    public func openResponses() throws(ResponseError) -> [ResponseRecord] {
        try asResponses { () throws(EventStoreError) in
            try read { database in
                try Self.responses(
                    database, "WHERE state NOT IN (\(Self.over)) ORDER BY created", [])
            }
        }
    }

    /// The responses that changed last, the latest first.
    public func responses(limit: Int) throws(EventStoreError) -> [ResponseRecord] {
        try read { try Self.responses($0, "ORDER BY changed DESC LIMIT ?", [limit]) }
    }

    public func hasResponse(_ record: ResponseRecord) throws(ResponseError) -> Bool {
        try asResponses { () throws(EventStoreError) in
            try read { database in
                try database.first(
                    """
                    SELECT count(*) FROM responses WHERE entry = ? AND object = ? AND rule = ?
                    """, [record.entry, record.object, record.ruleID]
                ) { $0.integer(0) } ?? 0 > 0
            }
        }
    }

    public func write(
        _ record: ResponseRecord, _ entries: [AuditEntry]
    ) throws(ResponseError) {
        try asResponses { () throws(EventStoreError) in
            try write { database in
                try database.execute(
                    """
                    INSERT OR REPLACE INTO responses VALUES
                    (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """, record.values)
                if record.state.isOver {
                    try database.execute(
                        """
                        DELETE FROM responses WHERE state IN (\(Self.over)) AND changed < (
                            SELECT changed FROM responses WHERE state IN (\(Self.over))
                            ORDER BY changed DESC LIMIT 1 OFFSET ?)
                        """, [Self.endedResponsesKept])
                }
                try Self.append(entries, database)
            }
        }
    }

    private func asResponses<T: Sendable>(
        _ body: () throws(EventStoreError) -> T
    ) throws(ResponseError) -> T {
        do { return try body() } catch { throw .ledger("\(error)") }
    }

    /// A row with an unknown state was not written by this program, and is left out.
    private static func responses(
        _ database: borrowing Database, _ clause: String, _ values: [any DatabaseValue]
    ) throws -> [ResponseRecord] {
        try database.all("SELECT \(ResponseRecord.columns) FROM responses \(clause)", values) {
            ResponseRecord($0)
        }
    }
}

extension ResponseRecord {
    fileprivate static let columns = """
        entry, object, rule, created, action, target, name, workload, engine, state, undo, \
        detail, event, changed, until
        """

    /// - Parameter row: a row with `columns`.
    fileprivate init?(_ row: borrowing Statement) {
        guard let state = State(rawValue: row.text(9)) else { return nil }
        self.init(
            entry: row.text(0), action: row.text(4), ruleID: row.text(2), target: row.text(5),
            object: row.text(1), name: row.text(6), workload: row.optionalText(7),
            engine: row.text(8), state: state, undo: row.text(10), detail: row.text(11),
            eventID: row.text(12), created: row.time(3), changed: row.time(13),
            expires: row.time(14))
    }

    fileprivate var values: [any DatabaseValue] {
        [
            entry, object, ruleID, created, action, target, name, workload, engine,
            state.rawValue, undo, detail, eventID, changed, expires,
        ]
    }
}
