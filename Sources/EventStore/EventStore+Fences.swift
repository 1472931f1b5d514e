/// One fence as the ledger keeps it.
public struct StoredFence: Sendable, Equatable {
    public var target: String
    public var response: String
    public var id: String
    /// `intended`, `standing`, `releasing` or `ended`.
    public var state: String
    /// Nanoseconds since 1970.
    public var created: Int64
    public var until: Int64
    public var level: Int
    public var reason: String
    public var eventID: String
    public var features: String
    public var workload: String?
    public var actor: String
    public var isForced: Bool
    public var isDryRun: Bool
    public var packets: UInt64
    public var bytes: UInt64
    public var ending: String

    public init(
        target: String, response: String, id: String, state: String, created: Int64, until: Int64,
        level: Int, reason: String, eventID: String, features: String, workload: String?,
        actor: String, isForced: Bool, isDryRun: Bool, packets: UInt64, bytes: UInt64,
        ending: String
    ) {
        self.target = target
        self.response = response
        self.id = id
        self.state = state
        self.created = created
        self.until = until
        self.level = level
        self.reason = reason
        self.eventID = eventID
        self.features = features
        self.workload = workload
        self.actor = actor
        self.isForced = isForced
        self.isDryRun = isDryRun
        self.packets = packets
        self.bytes = bytes
        self.ending = ending
    }
}

extension EventStore {
    /// The most ended fences that are kept; the ones that ended longest ago go first.
    public static let endedFencesKept = 100_000

    /// Fences that are not ended.
    public func openFences() throws(EventStoreError) -> [StoredFence] { try openFences { $0 } }

    /// What `body` makes of the fences that are not ended; nil is left out.
    public func openFences<T: Sendable>(_ body: (StoredFence) -> T?) throws(EventStoreError) -> [T]
    {
        try read { database in
            try Self.fences(database, "WHERE state <> 'ended'", [], body)
        }
    }

    /// The fences that ended last, the latest first.
    public func endedFences(limit: Int) throws(EventStoreError) -> [StoredFence] {
        try read { database in
            try Self.fences(
                database, "WHERE state = 'ended' ORDER BY until DESC LIMIT ?", [limit]
            ) { $0 }
        }
    }

    /// Reads rows one at a time and by column number: a start waits for a hundred thousand.
    private static func fences<T>(
        _ database: borrowing Database, _ clause: String, _ values: [any DatabaseValue],
        _ body: (StoredFence) -> T?
    ) throws -> [T] {
        try database.all("SELECT \(StoredFence.columns) FROM fences \(clause)", values) {
            body(StoredFence($0))
        }
    }

    /// Writes fences and audit entries in one durable transaction.
    public func record(
        fences: [StoredFence], audit: [AuditEntry]
    ) throws(EventStoreError) {
        guard !fences.isEmpty || !audit.isEmpty else { return }
        try write { database in
            let insert = try database.prepare(
                """
                INSERT OR REPLACE INTO fences VALUES
                (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
            for fence in fences { try insert.execute(fence.values) }
            if fences.contains(where: { $0.state == "ended" }) {
                try database.execute(
                    """
                    DELETE FROM fences WHERE state = 'ended' AND until < (
                        SELECT until FROM fences WHERE state = 'ended'
                        ORDER BY until DESC LIMIT 1 OFFSET ?)
                    """, [Self.endedFencesKept])
            }
            try Self.append(audit, database)
        }
    }
}

extension StoredFence {
    fileprivate static let columns = """
        target, response, id, state, created, until, level, reason, event, features, workload, \
        actor, forced, dry, packets, bytes, ending
        """

    /// - Parameter row: with `columns`.
    fileprivate init(_ row: borrowing Statement) {
        self.init(
            target: row.text(0), response: row.text(1), id: row.text(2), state: row.text(3),
            created: row.integer(4), until: row.integer(5), level: Int(row.integer(6)),
            reason: row.text(7), eventID: row.text(8), features: row.text(9),
            workload: row.optionalText(10), actor: row.text(11), isForced: row.bool(12),
            isDryRun: row.bool(13), packets: UInt64(bitPattern: row.integer(14)),
            bytes: UInt64(bitPattern: row.integer(15)), ending: row.text(16))
    }

    fileprivate var values: [any DatabaseValue] {
        [
            target, response, id, state, created, until, level, reason, eventID, features,
            workload, actor, isForced, isDryRun, Int64(bitPattern: packets),
            Int64(bitPattern: bytes), ending,
        ]
    }
}
