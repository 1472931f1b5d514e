package import Quarantine
internal import Timestamps

extension QuarantineEngine where Actuator: ~Copyable {
    /// Ends the rules of a dry run, before the same engine begins to enforce. They do not count for
    /// escalation: their targets were never fenced.
    ///
    /// - Parameter actor: who has switched enforcement on.
    mutating func endDryRun(now: Timestamp, actor: String) throws(QuarantineError) {
        let access = try open(isUrgent: false)
        defer { close(access) }
        _ = try replaceRules()
        let ended = rules.values.map { $0.ended("enforcement began") }
        let entry = AuditEntry(
            time: now, actor: actor, action: "end dry run", subject: "quarantine",
            detail: "\(ended.count) planned fences ended: enforcement began")
        try record(ended, [entry], isUrgent: false, access)
        for rule in ended {
            policy.recordWithdrawal(of: rule)
            rules.update(rule)
        }
    }
}

extension QuarantineService {
    /// Applies rules in the kernel from now on, if the service only planned them before.
    ///
    /// - Parameter actor: for the audit trail.
    /// - Throws: `.notPermitted` without CAP_NET_ADMIN; nothing is changed then.
    package func beginEnforcing(
        actor: String
    ) async throws(QuarantineError) -> [QuarantineOutcome] {
        try await use { (engine, now) throws(QuarantineError) in
            guard engine.actuator.isDryRun else { return [] }
            try engine.endDryRun(now: now, actor: actor)
            engine.actuator.options.isDryRun = false
            do throws(QuarantineError) {
                return try engine.reconcile(now: now, cause: "enforcement began", actor: actor)
                    .outcomes
            } catch {
                engine.actuator.options.isDryRun = true
                throw error
            }
        }
    }
}
