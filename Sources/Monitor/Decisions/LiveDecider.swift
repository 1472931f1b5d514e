internal import Decisions
internal import Enforcement
internal import NetworkAddresses
internal import Quarantine

/// The quarantine of a running monitor, as its alerts ask it.
struct LiveDecider: QuarantineDecider {
    let quarantine: QuarantineService
    let isEnforcing: Bool
    let complain: @Sendable (String) -> Void

    func decide(
        _ request: EnforcementRequest?, about subject: IPAddress, link: MACAddress
    ) -> (outcomes: [QuarantineOutcome], rule: QuarantineRule?) {
        let complain = complain
        do throws(QuarantineError) {
            return try quarantine.with { (engine, now) throws(QuarantineError) in
                var outcomes: [QuarantineOutcome] = []
                do throws(QuarantineError) {
                    if let request { outcomes = try engine.consider(request, now: now) }
                } catch { complain("\(subject) is not fenced: \(error)") }
                return (outcomes, engine.rules.rule(over: subject, link: link))
            }
        } catch {
            if request != nil { complain("\(subject) is not fenced: \(error)") }
            return ([], nil)
        }
    }
}
