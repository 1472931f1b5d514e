package import NetworkAddresses
package import Quarantine

/// Decides what follows from a detection: planned in replay, enforced live.
package protocol QuarantineDecider {
    /// Weighs a request for a rule, and finds the rule over its subject.
    ///
    /// - Parameter request: nil where no rule is asked for.
    /// - Returns: what was decided, and done where there is something to do; and the rule that acts
    ///   on the subject's packets then, nil without.
    mutating func decide(
        _ request: EnforcementRequest?, about subject: IPAddress, link: MACAddress
    ) -> (outcomes: [QuarantineOutcome], rule: QuarantineRule?)
    /// Whether rules hold packets back.
    var isEnforcing: Bool { get }
}

/// In replay nothing is done: the policy's decisions are all there is.
extension PlannedQuarantine: QuarantineDecider {
    package var isEnforcing: Bool { false }

    package mutating func decide(
        _ request: EnforcementRequest?, about subject: IPAddress, link: MACAddress
    ) -> (outcomes: [QuarantineOutcome], rule: QuarantineRule?) {
        let decisions = request.map { consider($0) } ?? []
        return (decisions.map { QuarantineOutcome($0) }, rules.rule(over: subject, link: link))
    }
}
