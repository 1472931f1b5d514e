internal import Enforcement
public import Quarantine
import StatusReport
internal import SystemSupport
public import Timestamps

extension MonitorHub {
    /// The reason why a request was refused.
    public enum Objection: Error, Sendable, CustomStringConvertible {
        /// The monitor is not running.
        case notRunning
        /// The monitor only observes; a rule would have no effect.
        case observing
        case refused(QuarantineError)
        /// Another monitor enforces here.
        case otherEnforcer

        public var description: String {
            switch self {
            case .notRunning: "the monitor is not running"
            case .observing:
                "the monitor observes and fences nothing; run it with --enforce, use 'lazaret "
                    + "enforcement enforce', or 'lazaret quarantine add' on the node"
            case .refused(let error): "\(error)"
            case .otherEnforcer:
                "another monitor enforces in this network namespace, and each would undo the "
                    + "other's fences"
            }
        }
    }

    /// A rule that an operator has added.
    public struct Addition: Sendable {
        public var rule: QuarantineRule
        /// The protection of the target that was overridden; nil: none.
        public var overridden: String?
    }

    /// Every rule, with the kernel's counters.
    public func rules() async throws(Objection) -> RuleListing {
        try await use { (engine, now) throws(QuarantineError) in try engine.list(now: now) }
    }

    /// Adds a rule for an operator.
    ///
    /// - Parameters:
    ///   - workload: the workload that the operator named, if any.
    ///   - actor: the caller, for the audit trail.
    public func add(
        _ target: QuarantineTarget, action: QuarantineRule.Action, duration: Interval,
        reason: String, workload: String? = nil,
        actor: String, force: Bool
    ) async throws(Objection) -> Addition {
        let appliesRules = enforcementSwitch?.isReal ?? status?.isEnforcing ?? false
        guard appliesRules else { throw .observing }
        let (outcome, overridden) = try await use { (engine, now) throws(QuarantineError) in
            let overridden = engine.policy.protected.objection(to: target)
            let outcome = try engine.add(
                target, action: action, duration: duration, reason: reason, workload: workload,
                now: now, actor: actor, force: force)
            return (outcome, overridden)
        }
        try report([outcome])
        return Addition(rule: outcome.decision.rule, overridden: overridden)
    }

    /// Removes every rule within a target.
    ///
    /// - Returns: the rules' targets.
    public func release(
        _ target: QuarantineTarget, reason: String, actor: String
    ) async throws(Objection) -> [QuarantineTarget] {
        let outcomes = try await use { (engine, now) throws(QuarantineError) in
            try engine.release(target, reason: reason, now: now, actor: actor)
        }
        return try report(outcomes)
    }

    /// Removes every rule.
    ///
    /// - Returns: the rules' targets.
    public func flush(
        reason: String, actor: String
    ) async throws(Objection) -> [QuarantineTarget] {
        let outcomes = try await use { (engine, now) throws(QuarantineError) in
            try engine.flush(reason: reason, now: now, actor: actor)
        }
        return try report(outcomes)
    }

    /// Publishes an operator's changes as events.
    @discardableResult
    private func report(_ outcomes: [QuarantineOutcome]) throws(Objection) -> [QuarantineTarget] {
        quarantine()?.decisions.submit(outcomes)
        if let failure = outcomes.compactMap(\.failure).first { throw .refused(failure) }
        return outcomes.map(\.decision.target)
    }

    private func use<T: Sendable>(
        _ body:
            @escaping @Sendable (
                _ engine: inout QuarantineEngine<Firewall>, _ now: Timestamp
            ) throws(QuarantineError) -> T
    ) async throws(Objection) -> T {
        guard let (quarantine, _) = quarantine() else { throw .notRunning }
        do throws(QuarantineError) { return try await quarantine.use(body) } catch {
            throw .refused(error)
        }
    }
}
