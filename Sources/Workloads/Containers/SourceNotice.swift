internal import Synchronization
internal import Timestamps

/// Says when a source of names is lost and when it is back, at most once a minute: one that goes
/// and comes all the time fills no log.
final class SourceNotice: Sendable {
    private struct State {
        /// Whether the last line said that it is lost.
        var isTold = false
        var toldAt: Instant?
        var untold = 0
    }

    private static let quiet = Interval.seconds(60)

    private let state = Mutex(State())

    /// - Parameter now: of a clock that is never set.
    /// - Returns: what to say of a source that is lost; nil where that was said.
    func lost(_ line: String, now: Instant = Clock.monotonic()) -> String? {
        state.withLock { state in
            guard !state.isTold else { return nil }
            if let last = state.toldAt, now - last < Self.quiet {
                state.untold += 1
                return nil
            }
            defer { state = State(isTold: true, toldAt: now) }
            return state.untold == 0 ? line : "\(line); it is not the first time in this minute"
        }
    }

    /// - Returns: what to say of a source that answers; nil where nobody was told that it was lost.
    func back(_ line: String) -> String? {
        state.withLock { state in
            guard state.isTold else { return nil }
            state.isTold = false
            return line
        }
    }
}
