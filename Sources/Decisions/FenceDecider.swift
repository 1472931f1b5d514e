package import NetworkAddresses
package import Quarantine

/// Who decides what follows from an offence: the policy alone, or policy, ledger and kernel.
package protocol FenceDecider {
    /// Weighs one offence; what was decided, and done where there is something to do.
    mutating func decide(_ offence: Offence) -> [QuarantineOutcome]
    /// The fence that stands over an offender; nil without.
    func standing(over address: IPAddress, link: MACAddress) -> QuarantineAction?
    /// Whether fences hold packets back.
    var isEnforcing: Bool { get }
}

/// In replay nothing is done: the policy's word is all there is.
extension QuarantinePolicy: FenceDecider {
    package var isEnforcing: Bool { false }

    package mutating func decide(_ offence: Offence) -> [QuarantineOutcome] {
        consider(offence).map { QuarantineOutcome(action: $0, failure: nil) }
    }

    package func standing(
        over address: IPAddress, link: MACAddress
    ) -> QuarantineAction? {
        activeFences.first {
            $0.target.prefix?.contains(address) ?? ($0.target == .link(link))
        }
    }
}
