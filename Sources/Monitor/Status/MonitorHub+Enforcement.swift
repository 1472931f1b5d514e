internal import Enforcement
internal import EventStore
internal import Quarantine
public import StatusReport
public import Timestamps

extension MonitorHub {
    /// Whether offenders are fenced at the moment, and who has decided that; nil before the monitor
    /// has started.
    public var enforcement: EnforcementState? { enforcementSwitch?.current }

    /// Says whether offenders are fenced now: the status is published once a second, and a switch
    /// takes effect at once.
    func noteMode(in status: inout MonitorStatus) {
        guard let control = enforcementSwitch else { return }
        let state = control.current
        status.enforcement = state
        status.isEnforcing = state.mode == .enforce
        status.appliesRules = control.isReal
    }

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
        let now = Clock.now()
        let choice = mode.map {
            EnforcementSwitch.Choice(
                mode: $0, by: actor, reason: reason, since: now,
                until: duration.map { now + $0 })
        }
        let isFirst = (mode ?? control.configured) == .enforce && !control.isReal
        let lock = isFirst ? try Self.enforcerLock() : nil
        do throws(QuarantineError) {
            // What cannot be stored is not begun.
            let before = try control.set(choice, by: actor, reason: reason)
            guard let lock else { return control.current }
            do throws(QuarantineError) {
                decisions.submit(try await quarantine.beginEnforcing(actor: actor))
            } catch {
                _ = try? control.set(before, by: "lazaret", reason: "enforcement failed: \(error)")
                throw error
            }
            control.keep(lock)
        } catch { throw .refused(error) }
        return control.current
    }

    private static func enforcerLock() throws(Objection) -> EnforcerLock {
        let lock: EnforcerLock
        do throws(QuarantineError) { lock = try EnforcerLock() } catch { throw .refused(error) }
        guard lock.outcome != .held else { throw .otherEnforcer }
        return lock
    }
}
