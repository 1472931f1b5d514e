internal import Logging
internal import Decisions
internal import Enforcement
internal import NetworkAddresses
internal import Quarantine

/// The decider that applies verdicts to the quarantine of a running monitor.
struct LiveDecider: QuarantineDecider {
    let quarantine: QuarantineService
    let enforcement: EnforcementSwitch
    let logger: Logger

    /// Whether rules are applied to packets.
    var isEnforcing: Bool { enforcement.isReal }

    func decide(
        _ request: EnforcementRequest?, about subject: IPAddress, link: MACAddress,
        port: String?
    ) -> (outcomes: [QuarantineOutcome], rule: QuarantineRule?) {
        let logger = logger
        // Where an operator has switched enforcement off, active rules stay, and none is added.
        let request = enforcement.isActing ? request : nil
        do throws(QuarantineError) {
            return try quarantine.with { (engine, now) throws(QuarantineError) in
                var outcomes: [QuarantineOutcome] = []
                do throws(QuarantineError) {
                    if let request { outcomes = try engine.consider(request, now: now) }
                } catch { logger.error("\(subject) is not fenced: \(error)") }
                return (outcomes, engine.rules.rule(over: subject, link: link, port: port))
            }
        } catch {
            if request != nil { logger.error("\(subject) is not fenced: \(error)") }
            return ([], nil)
        }
    }
}
