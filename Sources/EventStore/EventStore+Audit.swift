internal import Digests
internal import GRDB

/// One thing that was done, for the audit trail.
public struct AuditEntry: Sendable, Equatable {
    /// Nanoseconds since 1970.
    public var time: Int64
    public var actor: String
    public var action: String
    public var subject: String
    public var detail: String

    public init(time: Int64, actor: String, action: String, subject: String, detail: String) {
        self.time = time
        self.actor = actor
        self.action = action
        self.subject = subject
        self.detail = detail
    }
}

/// An entry in its place in the chain.
public struct AuditRecord: Sendable, Equatable {
    /// Counts from 1 without gaps.
    public var number: Int64
    public var entry: AuditEntry
    /// SHA-256 over the previous record's hash and this record, in hexadecimal.
    public var hash: String
}

/// What is wrong with an audit trail.
public enum AuditProblem: Sendable, Equatable, CustomStringConvertible {
    /// A record's hash does not follow from its content and the record before.
    case changed(number: Int64)
    /// Records are not there, first and last of the gap.
    case missing(first: Int64, last: Int64)
    /// There are records beyond the noted end.
    case added(number: Int64)
    /// The trail does not end with the hash that was noted when its last record was written.
    case wrongEnd(number: Int64)
    /// The hash that was expected is nowhere in the trail.
    case notInTrail(hash: String)

    public var description: String {
        switch self {
        case .changed(let number): "record \(number) was changed"
        case .missing(let first, let last):
            first == last ? "record \(first) is missing" : "records \(first) to \(last) are missing"
        case .added(let number): "record \(number) was added behind the end"
        case .wrongEnd(let number): "the trail's noted end is not record \(number)"
        case .notInTrail(let hash): "no record has the hash \(hash)"
        }
    }
}

/// What `verifyAudit` found.
public struct AuditReport: Sendable, Equatable {
    public var records: Int64 = 0
    /// Number of the first record that is still kept.
    public var first: Int64 = 1
    /// Hash of the last record, in hexadecimal: kept elsewhere, it proves that the trail's end was
    /// not rewritten as a whole.
    public var head = ""
    /// At most `EventStore.problemsTold`.
    public var problems: [AuditProblem] = []
}

extension EventStore {
    /// The most problems that a report lists.
    public static let problemsTold = 100

    /// Appends entries to the trail.
    static func append(_ entries: [AuditEntry], _ database: Database) throws {
        guard !entries.isEmpty else { return }
        guard
            let ends = try Row.fetchOne(database, sql: "SELECT last, hash FROM audit_ends")
        else { throw DatabaseError(message: "the audit trail's ends are missing") }
        var number: Int64 = ends["last"]
        var hash: String = ends["hash"]
        let insert = try database.cachedStatement(
            sql: "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)")
        for entry in entries {
            number += 1
            hash = chain(hash, number, entry)
            try insert.execute(arguments: [
                number, entry.time, entry.actor, entry.action, entry.subject, entry.detail,
                hash,
            ])
        }
        try database.execute(
            sql: "UPDATE audit_ends SET last = ?, hash = ?", arguments: [number, hash])
    }

    /// The records behind `number`, oldest first.
    public func audit(
        after number: Int64 = 0, limit: Int = 1000
    ) throws(EventStoreError) -> [AuditRecord] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM audit WHERE number > ? ORDER BY number LIMIT ?",
                arguments: [number, limit]
            ).map(AuditRecord.init)
        }
    }

    /// The last records, oldest first.
    public func auditTail(limit: Int) throws(EventStoreError) -> [AuditRecord] {
        try read { database in
            try Row.fetchAll(
                database, sql: "SELECT * FROM audit ORDER BY number DESC LIMIT ?",
                arguments: [limit]
            ).map(AuditRecord.init).reversed()
        }
    }

    /// Forgets the oldest records beyond `kept`; the chain goes on from a noted anchor.
    public func pruneAudit(keeping kept: Int64, time: Int64) throws(EventStoreError) {
        try write { database in
            guard
                let ends = try Row.fetchOne(
                    database, sql: "SELECT first, last FROM audit_ends")
            else { return }
            let last: Int64 = ends["last"]
            let first: Int64 = ends["first"]
            let cut = last - kept
            guard cut >= first,
                let before = try String.fetchOne(
                    database, sql: "SELECT hash FROM audit WHERE number = ?", arguments: [cut])
            else { return }
            try database.execute(sql: "DELETE FROM audit WHERE number <= ?", arguments: [cut])
            try database.execute(
                sql: "UPDATE audit_ends SET first = ?, before = ?", arguments: [cut + 1, before])
            let entry = AuditEntry(
                time: time, actor: "lazaret", action: "prune", subject: "audit",
                detail: "records \(first) to \(cut) forgotten; the last had hash \(before)")
            try Self.append([entry], database)
        }
    }

    /// Follows the whole chain.
    ///
    /// Finds any record that was changed, is missing (at the end too), or was added. Somebody who
    /// rewrites the whole file can only be found out with a hash that was kept elsewhere.
    ///
    /// - Parameter hash: must be in the trail, or be the anchor of what was pruned.
    public func verifyAudit(expecting hash: String? = nil) throws(EventStoreError) -> AuditReport {
        try read { database in
            var report = AuditReport()
            func tell(_ problem: AuditProblem) {
                if report.problems.count < Self.problemsTold { report.problems.append(problem) }
            }
            guard let ends = try Row.fetchOne(database, sql: "SELECT * FROM audit_ends") else {
                tell(.wrongEnd(number: 0))
                return report
            }
            let noted: Int64 = ends["last"]
            let notedHash: String = ends["hash"]
            var previous: String = ends["before"]
            report.first = ends["first"]
            var next = report.first
            var isFound = hash == nil || hash == previous
            let rows = try Row.fetchCursor(database, sql: "SELECT * FROM audit ORDER BY number")
            while let row = try rows.next() {
                let record = AuditRecord(row)
                report.records += 1
                if record.number > noted { tell(.added(number: record.number)) }
                if record.number > next { tell(.missing(first: next, last: record.number - 1)) }
                let isLinked = record.number == next
                if isLinked || record.number < next,
                    Self.chain(previous, record.number, record.entry) != record.hash
                {
                    tell(.changed(number: record.number))
                }
                // The record after a gap cannot be checked; the chain goes on from what it says.
                previous = record.hash
                isFound = isFound || record.hash == hash
                next = record.number + 1
            }
            if next <= noted { tell(.missing(first: next, last: noted)) }
            if next == noted + 1, previous != notedHash { tell(.wrongEnd(number: noted)) }
            if !isFound, let hash { tell(.notInTrail(hash: hash)) }
            report.head = previous
            return report
        }
    }

    /// SHA-256 over the hash before, the number and each field with its length.
    static func chain(_ previous: String, _ number: Int64, _ entry: AuditEntry) -> String {
        let fields = [
            previous, "\(number)", "\(entry.time)", entry.actor, entry.action, entry.subject,
            entry.detail,
        ]
        var bytes: [UInt8] = []
        for field in fields {
            bytes += "\(field.utf8.count):".utf8
            bytes += field.utf8
        }
        return SHA256.hash(bytes.span).hexadecimal
    }
}

extension AuditRecord {
    fileprivate init(_ row: Row) {
        self.init(
            number: row["number"],
            entry: AuditEntry(
                time: row["time"], actor: row["actor"], action: row["action"],
                subject: row["subject"], detail: row["detail"]),
            hash: row["hash"])
    }
}
