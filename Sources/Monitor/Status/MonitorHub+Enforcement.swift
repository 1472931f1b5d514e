internal import Enforcement
internal import EventStore
internal import Quarantine
public import StatusReport
public import Timestamps

extension MonitorHub {
    /// Whether offenders are fenced at the moment, and who has decided that; nil before the monitor
    /// has started.
    public var enforcement: EnforcementState? { enforcementSwitch?.current }

    /// Switches between observing and enforcing.
    ///
    /// - Parameters:
    ///   - mode: nil: the configured one.
    ///   - duration: nil: until the next switch.
    public func enforce(
        _ mode: EnforcementState.Mode?, for duration: Interval?, reason: String, actor: String
    ) async throws(Objection) -> EnforcementState {
        guard let control = enforcementSwitch, let (quarantine, decisions) = quarantine() else {
            throw .notRunning
        }
        let wanted = mode ?? control.configured
        if wanted == .enforce, !control.isReal {
            let lock: EnforcerLock
            do throws(QuarantineError) { lock = try EnforcerLock() } catch {
                throw .refused(error)
            }
            guard lock.outcome != .held else { throw .otherEnforcer }
            do throws(QuarantineError) {
                decisions.submit(try await quarantine.beginEnforcing(actor: actor))
            } catch { throw .refused(error) }
            control.keep(lock)
        }
        let now = Clock.now()
        let choice = mode.map {
            EnforcementSwitch.Choice(
                mode: $0, by: actor, reason: reason, since: now,
                until: duration.map { now + $0 })
        }
        do throws(QuarantineError) { try control.set(choice, by: actor, reason: reason) } catch {
            throw .refused(error)
        }
        return control.current
    }
}
