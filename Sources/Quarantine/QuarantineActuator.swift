public import Timestamps

/// One change of the kernel's rules.
public enum FirewallChange: Sendable {
    /// Adds a rule, or changes its expiry.
    case put(QuarantineRule)
    case remove(QuarantineRule.Key)

    package var key: QuarantineRule.Key {
        switch self {
        case .put(let rule): rule.key
        case .remove(let key): key
        }
    }
}

/// An element of the kernel's sets, with both table families together.
public struct FirewallElement: Hashable, Sendable {
    public var target: QuarantineTarget
    public var action: QuarantineRule.Action
    /// Time until the kernel removes it by itself; nil: never, so it is not ours.
    public var remaining: Interval?
    /// Packets and bytes that were dropped (`observe`: counted).
    public var packets: UInt64
    public var bytes: UInt64
    /// Whether it is in every table that should contain it.
    public var isComplete: Bool

    public init(
        target: QuarantineTarget, action: QuarantineRule.Action, remaining: Interval?,
        packets: UInt64, bytes: UInt64, isComplete: Bool
    ) {
        self.target = target
        self.action = action
        self.remaining = remaining
        self.packets = packets
        self.bytes = bytes
        self.isComplete = isComplete
    }

    package var key: QuarantineRule.Key { QuarantineRule.Key(target: target, action: action) }
}

/// Applies rules to the kernel. `Firewall` is the implementation in use.
public protocol QuarantineActuator: ~Copyable {
    /// Whether the last call to the kernel is omitted.
    var isDryRun: Bool { get }
    /// Creates tables, chains and rules, and sets with exactly `rules`, in one transaction.
    ///
    /// - Parameter protected: the prefixes that no rule may cover unless it is forced: the final
    ///   check.
    /// - Throws: `.protected` before anything is changed.
    mutating func rebuild(
        _ rules: [QuarantineRule], protecting protected: ProtectedSet, now: Timestamp
    ) throws(QuarantineError)
    /// Adopts the active sets, which contain `rules` without overlap.
    mutating func adopt(_ rules: [QuarantineRule], now: Timestamp) throws(QuarantineError)
    /// Changes the sets in one transaction.
    ///
    /// - Parameter protected: the prefixes that no rule may cover unless it is forced: the final
    ///   check.
    /// - Throws: `.protected` before anything is changed; `.connectionsKept` after all was changed.
    mutating func apply(
        _ changes: [FirewallChange], protecting protected: ProtectedSet, now: Timestamp
    ) throws(QuarantineError)
    /// The elements in the kernel's sets.
    mutating func elements() throws(QuarantineError) -> [FirewallElement]
    /// Forgets the counters of hosts without a rule, so that the next rule on the same host counts
    /// from zero.
    mutating func forgetCounts(
        unless isActive: (QuarantineRule.Key) -> Bool
    ) throws(QuarantineError)
    /// The elements that the kernel should have for `rules`, each with its expiry.
    func expected(_ rules: [QuarantineRule], now: Timestamp) -> [QuarantineRule.Key: Timestamp]
    /// Whether all tables, chains and rules exist.
    mutating func isIntact() throws(QuarantineError) -> Bool
    /// Removes all of our tables from the kernel.
    mutating func remove() throws(QuarantineError)
    /// The interfaces that exist: by name, the identity that separates each from a later one.
    mutating func portInstances() throws(QuarantineError) -> [String: String]
}
