public import Timestamps

/// One change of the kernel's rules.
public enum FirewallChange: Sendable {
    /// Puts a rule in place, or moves its end.
    case put(QuarantineRule)
    case remove(QuarantineRule.Key)

    package var key: QuarantineRule.Key {
        switch self {
        case .put(let rule): rule.key
        case .remove(let key): key
        }
    }
}

/// One element as the kernel holds it, both families together.
public struct FirewallElement: Hashable, Sendable {
    public var target: QuarantineTarget
    public var action: QuarantineRule.Action
    /// Time until the kernel drops it by itself; nil: never, so it is not ours.
    public var remaining: Interval?
    /// Packets and bytes that were held back (`observe`: seen).
    public var packets: UInt64
    public var bytes: UInt64
    /// Whether every table that should hold it does.
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

/// What applies rules. The real one is `Firewall`.
public protocol QuarantineActuator: ~Copyable {
    /// Whether everything is done but the last call.
    var isDryRun: Bool { get }
    /// Makes tables, chains and rules, and makes the sets hold exactly `rules`: one transaction.
    ///
    /// - Parameter protected: what no rule may cover unless it is forced: the last check.
    /// - Throws: `.protected` before anything is changed.
    mutating func rebuild(
        _ rules: [QuarantineRule], protecting protected: ProtectedSet, now: Timestamp
    ) throws(QuarantineError)
    /// Takes over what is in force already: the sets hold `rules`, laid side by side.
    mutating func adopt(_ rules: [QuarantineRule], now: Timestamp) throws(QuarantineError)
    /// Changes the sets in one transaction: all of it or nothing.
    ///
    /// - Parameter protected: what no rule may cover unless it is forced: the last check.
    /// - Throws: `.protected` before anything is changed.
    mutating func apply(
        _ changes: [FirewallChange], protecting protected: ProtectedSet, now: Timestamp
    ) throws(QuarantineError)
    /// What the kernel holds.
    mutating func elements() throws(QuarantineError) -> [FirewallElement]
    /// Forgets what was counted for hosts without a rule, so that a host that gets another one
    /// counts from nothing.
    mutating func forgetCounts(
        unless isActive: (QuarantineRule.Key) -> Bool
    ) throws(QuarantineError)
    /// What the kernel should hold when `rules` are in force, each with its end.
    func expected(_ rules: [QuarantineRule], now: Timestamp) -> [QuarantineRule.Key: Timestamp]
    /// Whether tables, chains and rules are all there.
    mutating func isIntact() throws(QuarantineError) -> Bool
    /// Removes everything of ours from the kernel.
    mutating func remove() throws(QuarantineError)
}
