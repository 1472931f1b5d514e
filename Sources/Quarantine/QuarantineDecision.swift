public import Timestamps

/// One decision about a rule: what to do, with what the rule is then and the reason.
public struct QuarantineDecision: Sendable, Equatable {
    /// What is to be done.
    public enum Kind: Sendable, Equatable {
        /// Put the rule in place.
        case add
        /// Move the end of an active rule.
        case extend
        /// Remove an active rule before its time.
        case release
        /// A rule came to its end by itself.
        case expire
        /// A rule was called for and a rail forbade it: alert only.
        case refuse(Refusal)
    }

    /// The rail that forbade a rule.
    public enum Refusal: Sendable, Equatable {
        case protected(String)
        case allowlisted(String)
        case warmingUp
        case budgetOfRules(Int)
        case budgetOfWorkloads(percent: Int)
        case breakerOpen
    }

    public var kind: Kind
    /// The rule as the decision leaves it.
    public var rule: QuarantineRule
    /// Packet time of the decision.
    public var time: Timestamp
    /// Why, in words.
    public var reason: String
    /// Whose escalation it counts for: the offender, or the prefix that was cut into pieces.
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

    /// A rule came to its end.
    package static func expiry(of rule: QuarantineRule) -> QuarantineDecision {
        QuarantineDecision(.expire, rule, time: rule.expires)
    }

    /// A rule is removed at `time`.
    package static func release(
        of rule: QuarantineRule, time: Timestamp, reason: String
    ) -> QuarantineDecision {
        var rule = rule
        rule.expires = time
        return QuarantineDecision(.release, rule, time: time, reason: reason)
    }
}

/// What became of one decision.
public struct QuarantineOutcome: Sendable, Equatable {
    public var decision: QuarantineDecision
    /// Nil: done (or, in a dry run, all but done). Otherwise why not.
    public var failure: QuarantineError?
    /// Whether it is a rule that was active before, put back.
    public var isPutBack: Bool

    public init(
        _ decision: QuarantineDecision, failure: QuarantineError? = nil, isPutBack: Bool = false
    ) {
        self.decision = decision
        self.failure = failure
        self.isPutBack = isPutBack
    }
}

extension QuarantineDecision.Kind: CustomStringConvertible {
    /// One word, as in events and in the audit trail: fence, extend, release, expire, refuse.
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
        case .budgetOfRules(let most): "\(most) fences are active already"
        case .budgetOfWorkloads(let percent):
            "more than \(percent) % of the known workloads would be fenced"
        case .breakerOpen: "the circuit breaker is open: too many fences were called for"
        }
    }
}
