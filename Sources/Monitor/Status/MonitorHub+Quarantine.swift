internal import Enforcement
public import Quarantine
internal import SystemSupport
public import Timestamps

extension MonitorHub {
    /// Why something could not be done that was asked for.
    public enum Objection: Error, Sendable, CustomStringConvertible {
        /// The monitor does not run, or no longer.
        case notRunning
        /// It only observes; a rule would hold nothing back.
        case observing
        case refused(QuarantineError)

        public var description: String {
            switch self {
            case .notRunning: "the monitor is not running"
            case .observing:
                "the monitor observes and fences nothing; run it with --enforce, or use "
                    + "'lazaret quarantine add' on the node"
            case .refused(let error): "\(error)"
            }
        }
    }

    /// A rule that was added by hand.
    public struct Addition: Sendable {
        public var rule: QuarantineRule
        /// What protects the target and was overridden; nil: nothing.
        public var overridden: String?
    }

    /// Every rule with what the kernel counted.
    public func rules() async throws(Objection) -> RuleListing {
        try await use { (engine, now) throws(QuarantineError) in try engine.list(now: now) }
    }

    /// Adds a rule by hand.
    ///
    /// - Parameter actor: who asks, for the audit trail.
    public func add(
        _ target: QuarantineTarget, action: QuarantineRule.Action, duration: Interval,
        reason: String,
        actor: String, force: Bool
    ) async throws(Objection) -> Addition {
        guard status?.isEnforcing == true else { throw .observing }
        let (outcome, overridden) = try await use { (engine, now) throws(QuarantineError) in
            let overridden = engine.policy.protected.objection(to: target)
            let outcome = try engine.add(
                target, action: action, duration: duration, reason: reason, now: now, actor: actor,
                force: force)
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

    /// Brings what was done by hand to the events.
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
