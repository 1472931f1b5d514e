public import Quarantine
import Timestamps

/// What could not be written to the ledger yet: the disk is full, or another program holds the
/// file.
public struct PendingWrites: Sendable {
    /// Why; nil when nothing is pending.
    public private(set) var cause: QuarantineError?
    private(set) var rules: [QuarantineRule] = []
    private(set) var entries: [AuditEntry] = []
    private(set) var notes: [String: String] = [:]
    /// When to try again; nil: at once.
    var retryAt: Instant?

    /// Audit entries that may wait; beyond, no further rule is put in place.
    static let capacity = 10_000

    /// Nothing is pending.
    public init() {}

    public var isEmpty: Bool { cause == nil }
    /// Entries of the audit trail that wait.
    public var count: Int { entries.count }
    var isFull: Bool { entries.count >= Self.capacity }

    /// Adds what was refused; a rule replaces an earlier state of the same one.
    mutating func add(
        _ more: [QuarantineRule], _ entries: [AuditEntry], notes: [String: String] = [:],
        cause: QuarantineError
    ) {
        let replaced = Set(more.map(Row.init))
        rules.removeAll { replaced.contains(Row($0)) }
        rules += more
        self.entries += entries
        self.notes.merge(notes) { $1 }
        self.cause = cause
    }

    /// What tells one rule of the ledger from another.
    private struct Row: Hashable {
        var key: QuarantineRule.Key
        var id: String

        init(_ rule: QuarantineRule) { (key, id) = (rule.key, rule.id) }
    }

    /// Applies what is pending to the rules that the ledger has.
    ///
    /// A rule that another program has found in the kernel meanwhile, and stored by another name,
    /// keeps that name.
    mutating func overlay(_ stored: inout ActiveRules) {
        for index in rules.indices {
            let known = stored[rules[index].key]
            if rules[index].state == .ended {
                if known?.id == rules[index].id { stored.update(rules[index]) }
            } else {
                if let known { rules[index].id = known.id }
                stored.update(rules[index])
            }
        }
    }
}
