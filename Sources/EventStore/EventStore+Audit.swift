internal import Digests
public import Quarantine
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
    /// The expected hash is not in the trail.
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

/// The results of `verifyAudit`.
public struct AuditReport: Sendable, Equatable {
    public var records: Int64 = 0
    /// Number of the first record that is still kept.
    public var first: Int64 = 1
    /// Hash of the last record, in hexadecimal. A copy kept elsewhere proves later that the trail
    /// was not rewritten as a whole.
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

    /// Deletes the oldest records beyond `kept`; the chain then starts from a recorded anchor.
    public func pruneAudit(keeping kept: Int64, time: Timestamp) throws(EventStoreError) {
        try write { database in
            let ends = try database.first("SELECT first, last FROM audit_ends") {
                (first: $0.integer(0), last: $0.integer(1))
            }
            guard let (first, last) = ends else { return }
            let cut = last - kept
            guard cut >= first,
                let before = try database.text("SELECT hash FROM audit WHERE number = ?", [cut])
            else { return }
            try database.execute("DELETE FROM audit WHERE number <= ?", [cut])
            try database.execute(
                "UPDATE audit_ends SET first = ?, before = ?", [cut + 1, before])
            let entry = AuditEntry(
                time: time, actor: "lazaret", action: "prune", subject: "audit",
                detail: "records \(first) to \(cut) forgotten; the last had hash \(before)")
            try Self.append([entry], database)
        }
    }

    /// Verifies the whole chain.
    ///
    /// Finds records that were changed, removed (also at the end) or added. An attacker who
    /// rewrites the whole file is only detected with a hash that was kept elsewhere.
    ///
    /// - Parameter hash: must be in the trail, or be the anchor of the pruned records.
    public func verifyAudit(expecting hash: String? = nil) throws(EventStoreError) -> AuditReport {
        try read { database in
            var report = AuditReport()
            func tell(_ problem: AuditProblem) {
                if report.problems.count < Self.problemLimit { report.problems.append(problem) }
            }
            let ends = try database.first("SELECT first, before, last, hash FROM audit_ends") {
                (first: $0.integer(0), before: $0.text(1), last: $0.integer(2), hash: $0.text(3))
            }
            guard let ends else {
                tell(.wrongEnd(number: 0))
                return report
            }
            let noted = ends.last
            var previous = ends.before
            report.first = ends.first
            var next = report.first
            var isFound = hash == nil || hash == previous
            try database.rows("SELECT \(AuditRecord.columns) FROM audit ORDER BY number") { row in
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
                // The record after a gap cannot be verified; the chain continues from its hash.
                previous = record.hash
                isFound = isFound || record.hash == hash
                next = record.number + 1
                return true
            }
            if next <= noted { tell(.missing(first: next, last: noted)) }
            if next == noted + 1, previous != ends.hash { tell(.wrongEnd(number: noted)) }
            if !isFound, let hash { tell(.notInTrail(hash: hash)) }
            report.head = previous
            return report
        }
    }

    /// SHA-256 of the previous hash, the number, and each field with its length.
    static func chain(_ previous: String, _ number: Int64, _ entry: AuditEntry) -> String {
        let fields = [
            previous, "\(number)", "\(entry.time.nanoseconds)", entry.actor, entry.action,
            entry.subject,
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
    fileprivate static let columns = "number, time, actor, action, subject, detail, hash"

    /// - Parameter row: a row with `columns`.
    fileprivate init(_ row: borrowing Statement) {
        self.init(
            number: row.integer(0),
            entry: AuditEntry(
                time: row.time(1), actor: row.text(2), action: row.text(3),
                subject: row.text(4), detail: row.text(5)),
            hash: row.text(6))
    }
}
