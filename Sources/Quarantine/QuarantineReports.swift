public import Timestamps

/// The findings and repairs of a reconciliation.
public struct ReconciliationReport: Sendable, Equatable {
    /// The changes for the policy and for events: those made by others, then the restored rules.
    public var outcomes: [QuarantineOutcome] = []
    /// Rules of the ledger that were missing in the kernel, or had another expiry there; restored.
    public var restored: [QuarantineRule] = []
    /// Rules whose release had been interrupted, or that a safety limit now forbids.
    public var ended: [QuarantineRule] = []
    /// Rules whose time was over while no program ended them.
    public var expired: [QuarantineRule] = []
    /// Elements without a rule; added to the ledger.
    public var adopted: [QuarantineRule] = []
    /// Elements without an expiry and without a rule, and remnants of rules that have ended or are
    /// split differently; removed.
    public var removed: [QuarantineTarget] = []
    /// Whether tables, chains or rules had to be recreated.
    public var wasRebuilt = false

    public init() {}

    /// Whether ledger and kernel agreed.
    public var isClean: Bool { ended.isEmpty && !wasNeeded }
    /// Whether the kernel's tables had to be repaired.
    public var wasNeeded: Bool {
        wasRebuilt || !restored.isEmpty || !removed.isEmpty || !adopted.isEmpty
    }
}

/// A rule with its kernel counters.
public struct RuleStatus: Sendable, Equatable {
    public var rule: QuarantineRule
    /// Time until the kernel removes it by itself.
    public var remaining: Interval
    public var packets: UInt64
    public var bytes: UInt64
    /// Whether the kernel has it.
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

/// The rules in the ledger and the elements in the kernel.
public struct RuleListing: Sendable, Equatable {
    public var rules: [RuleStatus]
    /// Elements of the kernel without a rule in the ledger; `reconcile` repairs them.
    public var unknown: [FirewallElement]

    public init(rules: [RuleStatus] = [], unknown: [FirewallElement] = []) {
        self.rules = rules
        self.unknown = unknown
    }
}
