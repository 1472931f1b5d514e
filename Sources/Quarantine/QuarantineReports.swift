public import Timestamps

/// What a reconciliation found and put right.
public struct ReconciliationReport: Sendable, Equatable {
    /// What changed for the policy and for events: what others did, then what was put back.
    public var outcomes: [QuarantineOutcome] = []
    /// Rules of the ledger that the kernel lacked, or held with another end: put right.
    public var restored: [QuarantineRule] = []
    /// Rules whose release had been cut short, or that a rail forbids by now.
    public var ended: [QuarantineRule] = []
    /// Elements without a rule: added to the ledger.
    public var adopted: [QuarantineRule] = []
    /// Elements without an end and without a rule, and remnants of rules that are over or laid out
    /// otherwise: removed.
    public var removed: [QuarantineTarget] = []
    /// Whether tables, chains or rules had to be made anew.
    public var wasRebuilt = false

    public init() {}

    /// Whether ledger and kernel agreed.
    public var isClean: Bool { ended.isEmpty && !wasNeeded }
    /// Whether the kernel was not as it should be.
    public var wasNeeded: Bool {
        wasRebuilt || !restored.isEmpty || !removed.isEmpty || !adopted.isEmpty
    }
}

/// A rule with what the kernel counted.
public struct RuleStatus: Sendable, Equatable {
    public var rule: QuarantineRule
    /// Until the kernel ends it by itself.
    public var remaining: Interval
    public var packets: UInt64
    public var bytes: UInt64
    /// Whether the kernel holds it.
    public var isInForce: Bool

    public init(
        rule: QuarantineRule, remaining: Interval, packets: UInt64, bytes: UInt64,
        isInForce: Bool
    ) {
        self.rule = rule
        self.remaining = remaining
        self.packets = packets
        self.bytes = bytes
        self.isInForce = isInForce
    }
}

/// Everything that is in force or should be.
public struct RuleListing: Sendable, Equatable {
    public var rules: [RuleStatus]
    /// Elements of the kernel without a rule in the ledger; `reconcile` puts them right.
    public var unknown: [FirewallElement]

    public init(rules: [RuleStatus] = [], unknown: [FirewallElement] = []) {
        self.rules = rules
        self.unknown = unknown
    }
}
