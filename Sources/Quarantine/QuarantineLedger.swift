public import Timestamps

/// One line of the audit trail.
public struct AuditEntry: Sendable, Equatable {
    public var time: Timestamp
    public var actor: String
    /// What happened: "fence", "extend", "release", "expire", "refuse", "reconcile", …
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

/// Where rules are stored before the kernel is changed.
///
/// Several processes may use one ledger: the monitor and the command line.
public protocol QuarantineLedger: Sendable {
    /// Rules that are not ended.
    func openRules() throws(QuarantineError) -> [QuarantineRule]
    /// Writes rules (by target, action and id), audit entries, and notes by their names: all or
    /// nothing, and durably.
    func write(
        _ rules: [QuarantineRule], _ entries: [AuditEntry], notes: [String: String]
    ) throws(QuarantineError)
    /// What was noted under `name`; nil: nothing.
    func note(_ name: String) throws(QuarantineError) -> String?
    /// Whether another process has written since the last time this was asked.
    func hasChangedElsewhere() throws(QuarantineError) -> Bool
    /// Keeps other processes out until `unlock`; does not nest.
    ///
    /// - Returns: how long it waited: by so much a time that was read before is older.
    /// - Throws: `.ledger` where another process holds it for too long.
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
