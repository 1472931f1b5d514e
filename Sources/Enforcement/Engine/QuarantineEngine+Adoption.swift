package import Quarantine
package import Timestamps

/// Rules that other programs' decisions ask for.
extension QuarantineEngine where Actuator: ~Copyable {
    /// Adds rules, and extends those of the same source. A target that has a rule of somebody else
    /// keeps it as it is: it must not end with the other program's decision.
    ///
    /// - Parameter source: its name; the audit trail has it as the actor.
    /// - Throws: `.ledger` before anything was done; errors of the kernel are part of the outcomes.
    package mutating func adopt(
        _ wanted: [AdoptedRule], from source: String, now: Timestamp
    ) throws(QuarantineError) -> [QuarantineOutcome] {
        let mark = AdoptedRule.mark(of: source) + String(now.nanoseconds / 1000, radix: 36)
        var decisions: [QuarantineDecision] = []
        for (index, one) in wanted.enumerated() where one.expires > now {
            let rule = QuarantineRule(
                id: "\(mark)-\(index)", target: .prefix(one.prefix), created: now,
                expires: one.expires, reason: one.reason, origin: one.origin)
            if let known = rules[rule.key] {
                guard known.source == source, known.expires < one.expires else { continue }
                decisions.append(QuarantineDecision(.extend, rule, time: now))
            } else {
                decisions.append(QuarantineDecision(.add, rule, time: now))
            }
        }
        return try perform(decisions, now: now, actor: "crowdsec/\(source)")
    }

    /// Ends rules of a source. The policy does not take it for a release by an operator: what the
    /// target does next may be fenced.
    ///
    /// - Parameter targets: nil: all of the source.
    package mutating func withdraw(
        _ targets: Set<QuarantineTarget>?, from source: String, reason: String, now: Timestamp
    ) throws(QuarantineError) -> [QuarantineOutcome] {
        let hit = rules.sorted.filter {
            $0.source == source && $0.state != .removing
                && targets?.contains($0.target) ?? true
        }
        return try perform(
            hit.map { .release(of: $0, time: now, reason: reason) }, now: now,
            actor: "crowdsec/\(source)")
    }
}
