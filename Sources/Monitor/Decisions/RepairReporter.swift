internal import Logging
internal import Enforcement
internal import Quarantine
internal import Synchronization

/// Publishes the quarantine's own repairs as events. Repairs can start before the decision thread
/// does.
final class RepairReporter: Sendable {
    private let decisions = Mutex<DecisionThread?>(nil)

    func connect(_ thread: DecisionThread) { decisions.withLock { $0 = thread } }

    func report(
        _ finding: QuarantineService.Finding, logger: Logger
    ) {
        let cause = finding.cause.map { "\($0)" } ?? "watching the firewall"
        if let failure = finding.failure {
            logger.error("\(cause): \(failure)")
            return
        }
        let outcomes = finding.report.outcomes
        // The command line also changes the tables, and leaves them consistent with the ledger.
        if finding.report.wasNeeded {
            logger.notice(
                "\(cause); put right, \(outcomes.count(where: \.isRestored)) fences put back")
        } else if finding.cause?.isUncertain == true {
            logger.notice("\(cause); everything is as it should be")
        }
        decisions.withLock { $0 }?.submit(outcomes)
    }
}
