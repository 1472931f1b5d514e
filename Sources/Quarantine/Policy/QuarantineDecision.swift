public import Timestamps

/// One decision about a rule: its kind, the resulting rule and the reason.
public struct QuarantineDecision: Sendable, Equatable {
    /// The kind of a decision.
    public enum Kind: Sendable, Equatable {
        /// Apply the rule.
        case add
        /// Postpone the expiry of an active rule.
        case extend
        /// Remove an active rule before it expires.
        case release
        /// A rule has expired.
        case expire
        /// A rule was requested and a safety limit forbade it: alert only.
        case refuse(Refusal)
    }

    /// The safety limit that forbade a rule.
    public enum Refusal: Sendable, Equatable {
        case protected(String)
        case allowlisted(String)
        case warmingUp
        /// The address is the only evidence of the sender.
        case unproven
        /// The port that leads to the sender has a name that no rule can have.
        case unnamedPort
        case budgetOfRules(Int)
        case budgetOfWorkloads(percent: Int)
        case breakerOpen
    }

    public var kind: Kind
    /// The rule after the decision.
    public var rule: QuarantineRule
    /// Packet time of the decision.
    public var time: Timestamp
    /// The reason as text.
    public var reason: String
    /// The target whose escalation level it raises: the offender, or the prefix that was split.
    var subject: QuarantineTarget

    /// - Parameters:
    ///   - reason: nil: the rule's own.
    ///   - subject: nil: the rule's target.
    public init(
        _ kind: Kind, _ rule: QuarantineRule, time: Timestamp, reason: String? = nil,
        subject: QuarantineTarget? = nil
    ) {
        self.kind = kind
        self.rule = rule
        self.time = time
        self.reason = reason ?? rule.reason
        self.subject = subject ?? rule.target
    }

    public var target: QuarantineTarget { rule.target }

    /// Whether it applies a new rule against an offender.
    public var isFence: Bool { kind == .add && rule.action.isAgainstTarget }

    /// The word used in events and in the audit trail: that of its kind, or `protect` for a new
    /// rule in favour of its target.
    public var word: String { kind == .add && !isFence ? "protect" : "\(kind)" }

    /// The expiry of a rule.
    package static func expiry(of rule: QuarantineRule) -> QuarantineDecision {
        QuarantineDecision(.expire, rule, time: rule.expires)
    }

    /// The release of a rule at `time`.
    package static func release(
        of rule: QuarantineRule, time: Timestamp, reason: String
    ) -> QuarantineDecision {
        var rule = rule
        rule.expires = time
        return QuarantineDecision(.release, rule, time: time, reason: reason)
    }
}

/// The result of one decision.
public struct QuarantineOutcome: Sendable, Equatable {
    public var decision: QuarantineDecision
    /// Nil: done, except for the last call to the kernel in a dry run. Otherwise the reason why
    /// not.
    public var failure: QuarantineError?
    /// Whether the rule was active before and has been restored.
    public var isRestored: Bool

    public init(
        _ decision: QuarantineDecision, failure: QuarantineError? = nil, isRestored: Bool = false
    ) {
        self.decision = decision
        self.failure = failure
        self.isRestored = isRestored
    }
}

extension QuarantineDecision.Kind: CustomStringConvertible {
    /// The word for it: fence, extend, release, expire, refuse.
    public var description: String {
        switch self {
        case .add: "fence"
        case .extend: "extend"
        case .release: "release"
        case .expire: "expire"
        case .refuse: "refuse"
        }
    }
}

extension QuarantineDecision.Refusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .protected(let why): why
        case .allowlisted(let why): "allowlisted: \(why)"
        case .warmingUp: "the workload is still warming up"
        case .unproven: "the only evidence is the address in the packets, which may be forged"
        case .unnamedPort:
            "the name of the port that the packets came by cannot be in a rule; rename the "
                + "interface"
        case .budgetOfRules(let most): "\(most) fences are active already"
        case .budgetOfWorkloads(let percent):
            "more than \(percent) % of the known workloads would be fenced"
        case .breakerOpen: "the circuit breaker is open: too many fences were called for"
        }
    }
}
