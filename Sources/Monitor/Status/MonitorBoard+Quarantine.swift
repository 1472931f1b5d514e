public import Enforcement
internal import EventDelivery
public import Quarantine
internal import SystemSupport

extension MonitorBoard {
    /// Why something could not be done that was asked for.
    public enum Objection: Error, Sendable, CustomStringConvertible {
        /// The monitor does not run, or no longer.
        case notRunning
        /// It only observes; a fence would not hold.
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

    /// Every fence with what the kernel counted.
    public func standing() async throws(Objection) -> [QuarantineKeeper<Firewall>.Standing] {
        try await use { runner throws(QuarantineError) in try runner.standing(now: Clock.now()) }
    }

    /// Fences a target by hand.
    ///
    /// - Parameter actor: who asks, for the audit trail.
    public func fence(
        _ target: FenceTarget, response: FenceResponse, seconds: Int64, reason: String,
        actor: String, force: Bool
    ) async throws(Objection) -> QuarantineAction {
        guard status?.isEnforcing == true else { throw .observing }
        let actions = try await act { runner throws(QuarantineError) in
            [
                try runner.add(
                    target, response: response, seconds: seconds, reason: reason,
                    now: Clock.now(), actor: actor, force: force)
            ]
        }
        return actions[0]
    }

    /// Takes down every fence that lies in a target.
    public func release(
        _ target: FenceTarget, reason: String, actor: String
    ) async throws(Objection) -> [QuarantineAction] {
        try await act { runner throws(QuarantineError) in
            try runner.release(target, reason: reason, now: Clock.now(), actor: actor)
        }
    }

    /// Does something by hand, and has it told.
    private func act(
        _ body:
            @escaping @Sendable (inout QuarantineRunner) throws(QuarantineError)
            -> [QuarantineRunner.Outcome]
    ) async throws(Objection) -> [QuarantineAction] {
        let outcomes = try await use(body)
        quarantine()?.decisions.submit(outcomes)
        if let failure = outcomes.compactMap(\.failure).first { throw .refused(failure) }
        return outcomes.map(\.action)
    }

    private func use<T: Sendable>(
        _ body: @escaping @Sendable (inout QuarantineRunner) throws(QuarantineError) -> T
    ) async throws(Objection) -> T {
        guard let (quarantine, _) = quarantine() else { throw .notRunning }
        do throws(QuarantineError) { return try await quarantine.use(body) } catch {
            throw .refused(error)
        }
    }
}
