internal import Digests
public import Quarantine
internal import SQLite
public import Timestamps

/// An audit entry with its position in the chain.
public struct AuditRecord: Sendable, Equatable {
    /// Counts from 1 without gaps.
    public var number: Int64
    public var entry: AuditEntry
    /// SHA-256 over the previous record's hash and this record, in hexadecimal.
    public var hash: String
}

/// A problem in an audit trail.
public enum AuditProblem: Sendable, Equatable, CustomStringConvertible {
    /// A record's hash does not match its content and the previous record.
    case changed(number: Int64)
    /// Records are missing: first and last of the gap.
    case missing(first: Int64, last: Int64)
    /// There is a record after the recorded end.
    case added(number: Int64)
    /// The trail does not end with the hash that was recorded with its last record.
    case wrongEnd(number: Int64)
    /// The trail begins with this record, but its last record of pruning names another one.
    case wrongStart(number: Int64)
    /// The expected hash is nowhere in the trail.
    case notInTrail(hash: String)

    public var description: String {
        switch self {
        case .changed(let number): "record \(number) was changed"
        case .missing(let first, let last):
            first == last ? "record \(first) is missing" : "records \(first) to \(last) are missing"
        case .added(let number): "record \(number) was added behind the end"
        case .wrongEnd(let number): "the trail's noted end is not record \(number)"
        case .wrongStart(let number):
            "the trail begins with record \(number), but no record states that "
                + "those before it were pruned"
        case .notInTrail(let hash): "no record has the hash \(hash)"
        }
    }
}

/// The results of `verifyAudit`.
public struct AuditReport: Sendable, Equatable {
    public var records: Int64 = 0
    /// Number of the first record that is still kept.
    public var first: Int64 = 1
    /// The last record of pruning, which names the first record that is kept; nil: nothing was
    /// pruned.
    public var pruning: AuditRecord?
    /// Whether `pruning` was written after the record whose hash was expected.
    public var isPrunedSinceExpected = false
    /// Hash of the last record, in hexadecimal. A copy of it elsewhere proves that the trail up to
    /// there was not rewritten as a whole.
    public var head = ""
    /// At most `EventStore.problemLimit`.
    public var problems: [AuditProblem] = []
}

extension EventStore {
    /// The most problems that a report lists.
    public static let problemLimit = 100

    /// Appends entries to the trail.
    static func append(
        _ entries: [AuditEntry], _ database: borrowing Database
    ) throws {
        guard !entries.isEmpty else { return }
        let ends = try database.first("SELECT last, hash FROM audit_ends") {
            (last: $0.integer(0), hash: $0.text(1))
        }
        guard let ends else {
            throw DatabaseError(message: "the audit trail's ends are missing")
        }
        var (number, hash) = ends
        let insert = try database.prepare("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)")
        for entry in entries {
            guard number < .max else { throw DatabaseError(message: "the audit trail is damaged") }
            number += 1
            hash = chain(hash, number, entry)
            try insert.execute([
                number, entry.time, entry.actor, entry.action, entry.subject, entry.detail, hash,
            ])
        }
        try database.execute("UPDATE audit_ends SET last = ?, hash = ?", [number, hash])
    }

    /// The records after `number`, oldest first.
    public func audit(
        after number: Int64 = 0, limit: Int = 1000
    ) throws(EventStoreError) -> [AuditRecord] {
        try read { database in
            try database.all(
                "SELECT \(AuditRecord.columns) FROM audit WHERE number > ? ORDER BY number LIMIT ?",
                [number, limit], AuditRecord.init)
        }
    }

    /// The last records, oldest first.
    public func auditTail(limit: Int) throws(EventStoreError) -> [AuditRecord] {
        try read { database in
            try database.all(
                "SELECT \(AuditRecord.columns) FROM audit ORDER BY number DESC LIMIT ?", [limit],
                AuditRecord.init
            ).reversed()
        }
    }

    /// Deletes the oldest records beyond `kept`, and adds a record of the pruning, without which
    /// the trail would not verify. A trail whose front was cut by another program is not pruned:
    /// that would hide the cut.
    public func pruneAudit(keeping kept: Int64, time: Timestamp) throws(EventStoreError) {
        try write { database in
            let ends = try database.first("SELECT first, last, before FROM audit_ends") {
                (first: $0.integer(0), last: $0.integer(1), before: $0.text(2))
            }
            guard let (first, last, start) = ends else { return }
            let pruned = try database.first(
                """
                SELECT \(AuditRecord.columns) FROM audit WHERE actor = ? AND action = ?
                ORDER BY number DESC LIMIT 1
                """, [PrunedRecords.actor, PrunedRecords.action]
            ) { PrunedRecords(AuditRecord($0).entry) }
            guard PrunedRecords.end(pruned ?? nil) == (first, start) else { return }
            let cut = last &- kept
            guard cut >= first,
                let before = try database.text("SELECT hash FROM audit WHERE number = ?", [cut])
            else { return }
            try database.execute("DELETE FROM audit WHERE number <= ?", [cut])
            try database.execute(
                "UPDATE audit_ends SET first = ?, before = ?", [cut &+ 1, before])
            let entry = PrunedRecords(first: first, last: cut, hash: before).entry(time)
            try Self.append([entry], database)
        }
    }

    /// Verifies the whole chain.
    ///
    /// Finds records that were changed, added or are missing, also at both ends. A rewrite of the
    /// whole file is detected only with a hash that was kept elsewhere.
    ///
    /// - Parameter hash: must be in the trail, or be the hash of the last pruned record.
    public func verifyAudit(expecting hash: String? = nil) throws(EventStoreError) -> AuditReport {
        try read { database in
            var check = AuditCheck(expected: hash)
            let ends = try database.first("SELECT first, before, last, hash FROM audit_ends") {
                AuditCheck.Ends(
                    first: $0.integer(0), before: $0.text(1), last: $0.integer(2), hash: $0.text(3))
            }
            guard let ends else {
                check.add(.wrongEnd(number: 0))
                return check.report
            }
            check.begin(ends)
            try database.rows("SELECT \(AuditRecord.columns) FROM audit ORDER BY number") { row in
                // Queried before any value is read: reading may convert the stored value.
                let isOurs = Self.hasTypesOfRecord(row)
                check.follow(AuditRecord(row), chain: { isOurs ? Self.chain($0, of: row) : nil })
                return true
            }
            check.finish(ends)
            return check.report
        }
    }

    /// SHA-256 of the previous hash, the number, and each field with its length.
    static func chain(_ previous: String, _ number: Int64, _ entry: AuditEntry) -> String {
        var bytes: [UInt8] = []
        bytes.addField(previous.utf8)
        bytes.addField("\(number)".utf8)
        bytes.addField("\(entry.time.nanoseconds)".utf8)
        for text in [entry.actor, entry.action, entry.subject, entry.detail] {
            bytes.addField(text.utf8)
        }
        return SHA256.hash(bytes.span).hexadecimal
    }

    private static func hasTypesOfRecord(_ row: borrowing Statement) -> Bool {
        for column in Int32(0)...1 where !row.isInteger(column) { return false }
        for column in Int32(2)...6 where !row.isText(column) { return false }
        return true
    }

    /// Hashes a row as it is stored: over the bytes of a text, independent of how a reader decodes
    /// it.
    private static func chain(_ previous: String, of row: borrowing Statement) -> String {
        var bytes: [UInt8] = []
        bytes.addField(previous.utf8)
        bytes.addField("\(row.integer(0))".utf8)
        bytes.addField("\(row.integer(1))".utf8)
        for column in Int32(2)...5 { bytes.addField(row.bytes(column)) }
        return SHA256.hash(bytes.span).hexadecimal
    }
}

extension [UInt8] {
    fileprivate mutating func addField(_ field: some Collection<UInt8>) {
        self += "\(field.count):".utf8
        self += field
    }
}

extension AuditRecord {
    static let columns = "number, time, actor, action, subject, detail, hash"

    /// - Parameter row: a row with `columns`.
    init(_ row: borrowing Statement) {
        self.init(
            number: row.integer(0),
            entry: AuditEntry(
                time: row.time(1), actor: row.text(2), action: row.text(3),
                subject: row.text(4), detail: row.text(5)),
            hash: row.text(6))
    }
}
