public import Quarantine
internal import SQLite
internal import Synchronization
public import Timestamps

/// The quarantine's ledger: rules by target, action and decision, with the audit trail.
extension EventStore: QuarantineLedger {
    /// The most ended rules that are kept; those that ended longest ago are deleted first.
    public static let endedRulesKept = 100_000

    public func openRules() throws(QuarantineError) -> [QuarantineRule] {
        try asLedger { () throws(EventStoreError) in
            try read { try Self.rules($0, "WHERE state <> 'ended'", []) }
        }
    }

    /// The rules that ended last, latest first.
    public func endedRules(limit: Int) throws(EventStoreError) -> [QuarantineRule] {
        try read { database in
            try Self.rules(
                database, "WHERE state = 'ended' ORDER BY until DESC LIMIT ?", [limit])
        }
    }

    /// The rules of decisions, by their identifiers: those that are active, and those that ended.
    func rules(ofDecisions identifiers: Set<String>) throws(EventStoreError) -> [QuarantineRule] {
        try read { database in
            try identifiers.flatMap { try Self.rules(database, "WHERE id = ?", [$0]) }
        }
    }

    /// Writes rules, audit entries and notes in one durable transaction.
    public func write(
        _ rules: [QuarantineRule], _ entries: [AuditEntry], notes: [String: String]
    ) throws(QuarantineError) {
        guard !rules.isEmpty || !entries.isEmpty || !notes.isEmpty else { return }
        try asLedger { () throws(EventStoreError) in
            try write { database in
                let insert = try database.prepare(
                    """
                    INSERT OR REPLACE INTO fences VALUES
                    (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """)
                for rule in rules { try insert.execute(rule.values) }
                if rules.contains(where: { $0.state == .ended }) {
                    try database.execute(
                        """
                        DELETE FROM fences WHERE state = 'ended' AND until < (
                            SELECT until FROM fences WHERE state = 'ended'
                            ORDER BY until DESC LIMIT 1 OFFSET ?)
                        """, [Self.endedRulesKept])
                }
                try Self.append(entries, database)
                for (name, value) in notes { try Self.set(name, to: value, database) }
            }
        }
    }

    public func note(_ name: String) throws(QuarantineError) -> String? {
        try asLedger { () throws(EventStoreError) in try setting(name) }
    }

    public func hasChangedElsewhere() throws(QuarantineError) -> Bool {
        try asLedger { () throws(EventStoreError) in
            let version = try dataVersion()
            return lastSeenVersion.withLock { last in
                defer { last = version }
                return last != version
            }
        }
    }

    public func lock() throws(QuarantineError) -> Interval {
        do { return try processLock.lock() } catch {
            throw .ledger("\(error)")
        }
    }

    public func unlock() { processLock.unlock() }

    /// A number that changes when another connection of this or another process has written.
    func dataVersion() throws(EventStoreError) -> Int64 {
        try read { try $0.integer("PRAGMA data_version") }
    }

    private func asLedger<T: Sendable>(
        _ body: () throws(EventStoreError) -> T
    ) throws(QuarantineError) -> T {
        do { return try body() } catch { throw .ledger("\(error)") }
    }

    /// Reads rows one at a time and by column number, since a start waits for 100,000 of them. A
    /// row with unknown values was not written by this program, and is left out.
    private static func rules(
        _ database: borrowing Database, _ clause: String, _ values: [any DatabaseValue]
    ) throws -> [QuarantineRule] {
        try database.all("SELECT \(QuarantineRule.columns) FROM fences \(clause)", values) {
            QuarantineRule($0)
        }
    }
}

extension QuarantineRule {
    fileprivate static let columns = """
        target, response, id, state, created, until, level, reason, event, features, workload, \
        actor, forced, dry, packets, bytes, ending, port, evidence
        """

    /// - Parameter row: a row with `columns`.
    fileprivate init?(_ row: borrowing Statement) {
        guard let target = QuarantineTarget(row.text(0)),
            let action = Action(rawValue: row.text(1)), let state = State(rawValue: row.text(3))
        else { return nil }
        self.init(
            id: row.text(2), target: target, action: action, state: state,
            created: row.time(4), expires: row.time(5), level: Int(row.integer(6)),
            reason: row.text(7), eventID: row.text(8), features: row.text(9),
            workload: row.optionalText(10), origin: row.text(11), isForced: row.bool(12),
            isDryRun: row.bool(13), packets: UInt64(bitPattern: row.integer(14)),
            bytes: UInt64(bitPattern: row.integer(15)), ending: row.text(16),
            portInstance: row.optionalText(17), evidence: row.text(18))
    }

    fileprivate var values: [any DatabaseValue] {
        [
            "\(target)", action.rawValue, id, state.rawValue, created, expires, level, reason,
            eventID, features, workload, origin, isForced, isDryRun, Int64(bitPattern: packets),
            Int64(bitPattern: bytes), ending, portInstance,
            evidence,
        ]
    }
}
