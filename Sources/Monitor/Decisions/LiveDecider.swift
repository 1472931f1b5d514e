internal import AnomalyDetection
internal import Decisions
internal import Enforcement
internal import EventDelivery
internal import EventStore
internal import FeatureExtraction
internal import NetworkAddresses
internal import Quarantine
internal import Synchronization
internal import SystemSupport

/// The quarantine of a running monitor, as the docket asks it.
struct LiveDecider: FenceDecider {
    let quarantine: QuarantineGuard
    let isEnforcing: Bool
    let complain: @Sendable (String) -> Void

    func decide(_ offence: Offence) -> [QuarantineRunner.Outcome] {
        do throws(QuarantineError) {
            return try quarantine.with { runner throws(QuarantineError) in
                try runner.consider(offence, now: Clock.now())
            }
        } catch {
            complain("\(offence.offender) is not fenced: \(error)")
            return []
        }
    }

    func standing(over address: IPAddress, link: MACAddress) -> QuarantineAction? {
        try? quarantine.with { runner in runner.policy.standing(over: address, link: link) }
    }
}
