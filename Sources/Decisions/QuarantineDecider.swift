package import NetworkAddresses
package import Quarantine

/// Decides on detections: only planned in replay, enforced live.
package protocol QuarantineDecider {
    /// Decides on a request for a rule, and finds the rule that acts on its subject.
    ///
    /// - Parameter request: nil if no rule is requested.
    /// - Returns: the decisions with their results, and the rule that acts on the subject's packets
    ///   afterwards; nil if there is none.
    mutating func decide(
        _ request: EnforcementRequest?, about subject: IPAddress, link: MACAddress,
        port: String?
    ) -> (outcomes: [QuarantineOutcome], rule: QuarantineRule?)
    /// Whether rules are applied to packets.
    var isEnforcing: Bool { get }
}

/// In replay, the policy's decisions are not carried out.
extension PlannedQuarantine: QuarantineDecider {
    package var isEnforcing: Bool { false }

    package mutating func decide(
        _ request: EnforcementRequest?, about subject: IPAddress, link: MACAddress,
        port: String?
    ) -> (outcomes: [QuarantineOutcome], rule: QuarantineRule?) {
        let decisions = request.map { consider($0) } ?? []
        return (
            decisions.map { QuarantineOutcome($0) },
            rules.rule(over: subject, link: link, port: port)
        )
    }
}
