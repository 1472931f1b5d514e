public import Timestamps

/// One line of the audit trail.
public struct AuditEntry: Sendable, Equatable {
    public var time: Timestamp
    public var actor: String
    /// The action: "fence", "extend", "release", "expire", "refuse", "reconcile", …
    public var action: String
    public var subject: String
    public var detail: String

    public init(time: Timestamp, actor: String, action: String, subject: String, detail: String) {
        self.time = time
        self.actor = actor
        self.action = action
        self.subject = subject
        self.detail = detail
    }
}

/// The storage to which rules are written before the kernel is changed.
///
/// Several processes can use one ledger: the monitor and the command line.
public protocol QuarantineLedger: Sendable {
    /// The rules that have not ended.
    func openRules() throws(QuarantineError) -> [QuarantineRule]
    /// Writes rules (by target, action and id), audit entries and named notes, durably and in one
    /// transaction.
    func write(
        _ rules: [QuarantineRule], _ entries: [AuditEntry], notes: [String: String]
    ) throws(QuarantineError)
    /// The note named `name`; nil if there is none.
    func note(_ name: String) throws(QuarantineError) -> String?
    /// Whether another process has written since the last call.
    func hasChangedElsewhere() throws(QuarantineError) -> Bool
    /// Excludes other processes until `unlock`; does not nest.
    ///
    /// - Returns: how long it waited, so that the caller can correct a time that it read before.
    /// - Throws: `.ledger` if another process holds the lock for too long.
    func lock() throws(QuarantineError) -> Interval
    func unlock()
}

extension QuarantineLedger {
    /// Writes rules and audit entries.
    package func write(
        _ rules: [QuarantineRule], _ entries: [AuditEntry]
    ) throws(QuarantineError) {
        try write(rules, entries, notes: [:])
    }
}
