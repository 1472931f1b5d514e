import Timestamps

/// The policy and its rules without ledger and kernel, for replay: the rules that would be applied.
public struct PlannedQuarantine: Sendable {
    public var policy: QuarantinePolicy
    public private(set) var rules = ActiveRules()

    public init(_ policy: QuarantinePolicy = QuarantinePolicy()) { self.policy = policy }

    /// Decides on one detection above the threshold.
    ///
    /// - Returns: the rules that have expired, then the decisions on this request.
    public mutating func consider(_ request: EnforcementRequest) -> [QuarantineDecision] {
        let expired = expire(at: request.time)
        let decided = policy.decide(request, active: rules)
        apply(decided)
        return expired + decided
    }

    /// Advances the time to `time`.
    mutating func expire(at time: Timestamp) -> [QuarantineDecision] {
        let expired = rules.expired(at: time).map(QuarantineDecision.expiry)
        apply(expired)
        return expired
    }

    private mutating func apply(_ decisions: [QuarantineDecision]) {
        for decision in decisions {
            switch decision.kind {
            case .add, .extend: rules.update(decision.rule)
            case .release, .expire: rules.update(decision.rule.ended("\(decision.kind)"))
            case .refuse: break
            }
            policy.record(decision)
        }
    }
}
