internal import GRDB

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
    public func openFences() throws(EventStoreError) -> [StoredFence] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM fences WHERE state <> 'ended'")
                .map(StoredFence.init)
        }
    }

    /// The fences that ended last, the latest first.
    public func endedFences(limit: Int) throws(EventStoreError) -> [StoredFence] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT * FROM fences WHERE state = 'ended' ORDER BY until DESC LIMIT ?",
                arguments: [limit]
            ).map(StoredFence.init)
        }
    }

    /// Writes fences and audit entries in one durable transaction.
    public func record(
        fences: [StoredFence], audit: [AuditEntry]
    ) throws(EventStoreError) {
        guard !fences.isEmpty || !audit.isEmpty else { return }
        try write { database in
            let insert = try database.cachedStatement(
                sql: """
                    INSERT OR REPLACE INTO fences VALUES
                    (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """)
            for fence in fences { try insert.execute(arguments: fence.arguments) }
            if fences.contains(where: { $0.state == "ended" }) {
                try database.execute(
                    sql: """
                        DELETE FROM fences WHERE state = 'ended' AND until < (
                            SELECT until FROM fences WHERE state = 'ended'
                            ORDER BY until DESC LIMIT 1 OFFSET ?)
                        """, arguments: [Self.endedFencesKept])
            }
            try Self.append(audit, database)
        }
    }
}

extension StoredFence {
    fileprivate init(_ row: Row) {
        self.init(
            target: row["target"], response: row["response"], id: row["id"], state: row["state"],
            created: row["created"], until: row["until"], level: row["level"],
            reason: row["reason"], eventID: row["event"], features: row["features"],
            workload: row["workload"], actor: row["actor"], isForced: row["forced"],
            isDryRun: row["dry"],
            packets: UInt64(bitPattern: row["packets"] as Int64),
            bytes: UInt64(bitPattern: row["bytes"] as Int64), ending: row["ending"])
    }

    fileprivate var arguments: StatementArguments {
        [
            target, response, id, state, created, until, level, reason, eventID, features,
            workload, actor, isForced, isDryRun, Int64(bitPattern: packets),
            Int64(bitPattern: bytes), ending,
        ]
    }
}
