internal import Foundation
internal import Quarantine
internal import Reporting
internal import Synchronization

/// Brings what the guard does by itself to the events; it begins before they do.
final class RepairBox: Sendable {
    private let decisions = Mutex<DecisionThread?>(nil)

    func connect(_ thread: DecisionThread) { decisions.withLock { $0 = thread } }

    func report(
        _ repair: QuarantineGuard.Repair, isDryRun: Bool, tell: (String) -> Void
    ) {
        if let failure = repair.failure {
            tell("\(repair.cause): \(failure)")
            return
        }
        tell("\(repair.cause); put right, \(repair.outcomes.count) fences put back")
        let thread = decisions.withLock { $0 }
        for outcome in repair.outcomes {
            thread?.submit(
                event: EventJSON.quarantine(
                    outcome.action, isDryRun: isDryRun, failure: outcome.failure.map { "\($0)" }))
        }
    }
}

/// One monitor to a state directory.
final class MonitorLock {
    private let descriptor: Int32

    /// - Throws: `.input` with the process that holds it.
    init(directory: String) throws(PipelineError) {
        let path = directory + "/monitor.lock"
        // SAFETY: the path is lent for the call.
        descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            // SAFETY: the text is copied before another call could change it.
            throw .output(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .input(
                path: directory,
                reason:
                    "another monitor uses this state directory; stop it, or name one with --state")
        }
    }

    func release() { close(descriptor) }
}
