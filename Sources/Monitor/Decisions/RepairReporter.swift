internal import Enforcement
internal import Quarantine
internal import Synchronization

/// Brings what the quarantine puts right by itself to the events; it begins before they do.
final class RepairReporter: Sendable {
    private let decisions = Mutex<DecisionThread?>(nil)

    func connect(_ thread: DecisionThread) { decisions.withLock { $0 = thread } }

    func report(
        _ finding: QuarantineService.Finding, tell: (String) -> Void
    ) {
        let cause = finding.cause.map { "\($0)" } ?? "watching the firewall"
        if let failure = finding.failure {
            tell("\(cause): \(failure)")
            return
        }
        let outcomes = finding.report.outcomes
        // The command line changes the tables too, and leaves them as the ledger has it.
        if finding.report.wasNeeded {
            tell("\(cause); put right, \(outcomes.count(where: \.isPutBack)) fences put back")
        } else if finding.cause?.isUncertain == true {
            tell("\(cause); everything is as it should be")
        }
        decisions.withLock { $0 }?.submit(outcomes)
    }
}
