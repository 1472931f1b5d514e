internal import Enforcement
internal import EventStore
internal import FoundationEssentials
internal import Quarantine
internal import StatusReport
internal import Synchronization
import Timestamps

/// The operator's switch between observing and enforcing.
///
/// An operator's choice holds across restarts until its end. Observing, the policy adds no fences;
/// those that are active stay until they expire or are released, and operators may still fence. The
/// end is a time of day; if the clock is set back, a choice still lasts no longer than was asked
/// for.
final class EnforcementSwitch: Sendable {
    /// An operator's choice, as the store keeps it.
    struct Choice: Codable, Sendable, Equatable {
        var mode: EnforcementState.Mode
        var by: String
        var reason: String
        var since: Timestamp
        var until: Timestamp?
    }

    private struct State {
        var choice: Choice?
        /// The end of the choice by a clock that is never set.
        var deadline: Instant?
        var isReal: Bool
        var lock: EnforcerLock?
    }

    static let setting = "enforcement"

    let configured: EnforcementState.Mode
    private let store: EventStore
    private let state: Mutex<State>
    /// One choice is stored and used before the next one.
    private let turn = Mutex(())

    /// - Parameter choice: what `stored` has returned.
    init(configured isEnforcing: Bool, choice: Choice?, store: EventStore) {
        configured = isEnforcing ? .enforce : .observe
        self.store = store
        let now = Clock.now()
        let isOver = choice?.until.map { $0 <= now } ?? false
        state = Mutex(
            State(
                choice: choice, deadline: Self.deadline(of: choice, now: now),
                isReal: isEnforcing || choice?.mode == .enforce && !isOver))
    }

    /// The choice of an earlier run; one that has ended is ended by `expire`.
    static func stored(in store: EventStore) -> Choice? {
        guard let text = try? store.setting(setting) else { return nil }
        return try? JSONDecoder().decode(Choice.self, from: Data(text.utf8))
    }

    private static func deadline(of choice: Choice?, now: Timestamp) -> Instant? {
        guard let choice, let until = choice.until else { return nil }
        return Clock.monotonic() + min(until - now, until - choice.since)
    }

    /// Whether rules are applied in the kernel: by the policy, unless it is switched off, and by
    /// hand.
    var isReal: Bool { state.withLock { $0.isReal } }

    /// Whether the policy acts on verdicts: it adds fences, or plans them if nothing is applied.
    var isActing: Bool { state.withLock { !$0.isReal || mode($0) == .enforce } }

    private func mode(_ state: State) -> EnforcementState.Mode { state.choice?.mode ?? configured }

    var current: EnforcementState {
        state.withLock { state in
            let choice = state.choice
            return EnforcementState(
                mode: mode(state), configured: configured, by: choice?.by, since: choice?.since,
                until: choice?.until, reason: choice?.reason)
        }
    }

    /// Keeps the lock of the only enforcing monitor for as long as the switch exists.
    func keep(_ lock: sending EnforcerLock) {
        // A closure that is sent cannot give its captures away, so the lock is taken from a mutex.
        let handover = Mutex<EnforcerLock?>(lock)
        state.withLock { state in
            state.isReal = true
            state.lock = handover.withLock { $0.take() }
        }
    }

    /// Stores a choice with an entry in the audit trail, and uses it.
    ///
    /// - Parameter choice: nil: the configured mode.
    /// - Returns: the choice before it.
    @discardableResult
    func set(
        _ choice: Choice?, by actor: String, reason: String
    ) throws(QuarantineError) -> Choice? {
        try turn.withLock { _ throws(QuarantineError) in
            let before = state.withLock { $0.choice }
            try change(to: choice, by: actor, reason: reason)
            return before
        }
    }

    private func change(
        to choice: Choice?, by actor: String, reason: String
    ) throws(QuarantineError) {
        let now = Clock.now()
        let time =
            choice.flatMap { choice in
                choice.until.map { " for \(($0 - choice.since).wholeSeconds) s" }
            } ?? ""
        let words = "\(choice?.mode.rawValue ?? "as configured, \(configured.rawValue)")\(time)"
        let text = try? choice.map { String(decoding: try JSONEncoder().encode($0), as: UTF8.self) }
        let entry = AuditEntry(
            time: now, actor: actor, action: "enforcement", subject: "quarantine",
            detail: "\(words): \(reason)")
        try store.write([], [entry], notes: [Self.setting: text ?? ""])
        state.withLock { state in
            state.choice = choice
            state.deadline = Self.deadline(of: choice, now: now)
        }
    }

    /// Returns to the configured mode if the choice has ended.
    ///
    /// - Returns: the mode that is in use again; nil if nothing has changed.
    func expire() -> EnforcementState.Mode? {
        guard isOver else { return nil }
        return turn.withLock { _ in
            // An operator may have chosen again in the meantime.
            guard isOver else { return nil }
            // A disk that is full must not keep the choice alive.
            do throws(QuarantineError) {
                try change(to: nil, by: "lazaret", reason: "the time is over")
            } catch {
                state.withLock { state in
                    state.choice = nil
                    state.deadline = nil
                }
            }
            return configured
        }
    }

    private var isOver: Bool {
        state.withLock { $0.deadline.map { $0 <= Clock.monotonic() } ?? false }
    }
}
