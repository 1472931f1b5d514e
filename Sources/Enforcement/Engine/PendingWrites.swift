public import Quarantine
import Timestamps

/// The entries that could not be written to the ledger yet, because the disk is full or another
/// program has locked the file.
public struct PendingWrites: Sendable {
    /// The reason; nil if nothing is pending.
    public private(set) var cause: QuarantineError?
    private(set) var rules: [QuarantineRule] = []
    private(set) var entries: [AuditEntry] = []
    private(set) var notes: [String: String] = [:]
    /// When to try again; nil: immediately.
    var retryAt: Instant?

    /// The most audit entries that wait; beyond, no further rule is applied.
    static let capacity = 10_000

    /// Creates an empty list.
    public init() {}

    public var isEmpty: Bool { cause == nil }
    /// The number of waiting audit entries.
    public var count: Int { entries.count }
    var isFull: Bool { entries.count >= Self.capacity }

    /// Adds entries that could not be written; a rule replaces its earlier state.
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

    /// The key that identifies a rule in the ledger.
    private struct Row: Hashable {
        var key: QuarantineRule.Key
        var id: String

        init(_ rule: QuarantineRule) { (key, id) = (rule.key, rule.id) }
    }

    /// Applies the pending rules to those in the ledger.
    ///
    /// If another program has since found a rule in the kernel and stored it with another
    /// identifier, the rule keeps that identifier.
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
