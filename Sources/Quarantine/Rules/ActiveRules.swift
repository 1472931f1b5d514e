public import NetworkAddresses
package import Timestamps

/// The rules that are active, or are being applied or removed. This is the only state of the
/// quarantine.
///
/// A rule is identified by its target and action; a target may have one rule of each action.
public struct ActiveRules: Sendable {
    private var rules: [QuarantineRule.Key: QuarantineRule] = [:]
    /// No rule expires before this.
    private var earliestEnd = Timestamp.distantFuture

    public init() {}

    package init(_ rules: some Collection<QuarantineRule>) {
        self.rules.reserveCapacity(rules.count)
        for rule in rules { update(rule) }
    }

    public var isEmpty: Bool { rules.isEmpty }
    public var count: Int { rules.count }
    package var keys: some Collection<QuarantineRule.Key> { rules.keys }
    /// The rules in no order.
    package var values: some Collection<QuarantineRule> { rules.values }

    /// The rules ordered by target and action.
    public var sorted: [QuarantineRule] { rules.values.sorted { $0.key < $1.key } }

    public subscript(key: QuarantineRule.Key) -> QuarantineRule? { rules[key] }

    /// The rules against exactly this target, the strictest first.
    package func rules(on target: QuarantineTarget) -> [QuarantineRule] {
        QuarantineRule.Action.responses.compactMap { rules[.init(target: target, action: $0)] }
    }

    /// Whether any rule is against exactly this target.
    package func contains(_ target: QuarantineTarget) -> Bool {
        QuarantineRule.Action.responses.contains {
            rules[.init(target: target, action: $0)] != nil
        }
    }

    /// The rule against a host that matches its packets; of several the first by target and action.
    ///
    /// - Parameter port: the interface that leads to the host; nil: unknown.
    public func rule(
        over address: IPAddress, link: MACAddress, port: String? = nil
    ) -> QuarantineRule? {
        rules.values.lazy.filter {
            $0.state != .removing && $0.action.isAgainstTarget
                && $0.target.matches(address, link: link, port: port)
        }
        .min { $0.key < $1.key }
    }

    /// The rules that have expired at `time`, in order of expiry.
    ///
    /// - Complexity: O(1) before the first expiry.
    package mutating func expired(at time: Timestamp) -> [QuarantineRule] {
        guard time >= earliestEnd else { return [] }
        earliestEnd = rules.values.lazy.map(\.expires).min() ?? .distantFuture
        return rules.values.filter { $0.expires <= time && $0.state != .removing }
            .sorted { ($0.expires, $0.key) < ($1.expires, $1.key) }
    }

    /// The rules after the clock was set by `step`.
    package func moved(by step: Interval) -> ActiveRules {
        step == .zero ? self : ActiveRules(rules.values.map { $0.moved(by: step) })
    }

    /// Adds a rule, or replaces the one with the same target and action; an ended rule is removed.
    package mutating func update(_ rule: QuarantineRule) {
        rules[rule.key] = rule.state == .ended ? nil : rule
        earliestEnd = min(earliestEnd, rule.expires)
    }
}
