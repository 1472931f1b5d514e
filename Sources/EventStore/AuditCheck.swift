internal import Quarantine
internal import Timestamps

/// The content of a record of pruning. The hash chain covers it, so that the front of the trail
/// cannot be cut without such a record.
struct PrunedRecords: Equatable {
    var first: Int64
    var last: Int64
    /// Hash of the last of them, from which the chain continues.
    var hash: String

    static let (actor, action, subject) = ("lazaret", "prune", "audit")

    init(first: Int64, last: Int64, hash: String) {
        self.first = first
        self.last = last
        self.hash = hash
    }

    /// Parses a record of pruning; nil for any other record.
    init?(_ entry: AuditEntry) {
        guard entry.actor == Self.actor, entry.action == Self.action,
            entry.subject == Self.subject,
            let match = entry.detail.wholeMatch(
                of: /records (\d+) to (\d+) forgotten; the last had hash ([0-9a-f]{64})/),
            let first = Int64(match.1), let last = Int64(match.2), last < .max
        else { return nil }
        self.init(first: first, last: last, hash: String(match.3))
    }

    /// Number of the first record that must exist, and the hash that precedes its own.
    static func end(_ pruned: PrunedRecords?) -> (Int64, String) {
        pruned.map { ($0.last + 1, $0.hash) } ?? (1, "")
    }

    func entry(_ time: Timestamp) -> AuditEntry {
        AuditEntry(
            time: time, actor: Self.actor, action: Self.action, subject: Self.subject,
            detail: "records \(first) to \(last) forgotten; the last had hash \(hash)")
    }
}

/// Follows an audit trail record by record.
struct AuditCheck {
    /// The store's notes about both ends of the trail.
    struct Ends {
        var first: Int64
        /// Hash of the record before the first.
        var before: String
        var last: Int64
        /// Hash of the last record.
        var hash: String
    }

    private(set) var report = AuditReport()
    private let expected: String?
    private var isFound: Bool
    private var noted: Int64 = 0
    /// Hash and number that the next record must follow.
    private var previous = ""
    private var next: Int64 = 1
    private var pruned: PrunedRecords?

    init(expected: String?) {
        self.expected = expected
        isFound = expected == nil
    }

    mutating func add(_ problem: AuditProblem) {
        if report.problems.count < EventStore.problemLimit { report.problems.append(problem) }
    }

    mutating func begin(_ ends: Ends) {
        noted = ends.last
        previous = ends.before
        report.first = ends.first
        next = ends.first
        isFound = isFound || expected == previous
    }

    /// - Parameter chain: returns the hash that the record must have after a given hash; nil: the
    ///   record is not in a form that this program writes.
    mutating func follow(_ record: AuditRecord, chain: (String) -> String?) {
        report.records += 1
        if record.number > noted { add(.added(number: record.number)) }
        if record.number > next { add(.missing(first: next, last: record.number - 1)) }
        if record.number <= next, chain(previous) != record.hash {
            add(.changed(number: record.number))
        }
        if let found = PrunedRecords(record.entry) {
            pruned = found
            report.pruning = record
            report.isPrunedSinceExpected = expected != nil && isFound
        }
        // The record after a gap cannot be checked; the chain continues from the hash in it.
        previous = record.hash
        isFound = isFound || record.hash == expected
        next = record.number == .max ? .max : record.number + 1
    }

    mutating func finish(_ ends: Ends) {
        if next <= noted { add(.missing(first: next, last: noted)) }
        if next &- 1 == noted, previous != ends.hash { add(.wrongEnd(number: noted)) }
        if (ends.first, ends.before) != PrunedRecords.end(pruned) {
            add(.wrongStart(number: ends.first))
        }
        if !isFound, let expected { add(.notInTrail(hash: expected)) }
        report.head = previous
    }
}
