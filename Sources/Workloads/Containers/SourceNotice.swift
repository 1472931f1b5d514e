internal import Synchronization
internal import Timestamps

/// Decides when to log that a source of names is lost or available again: at most one loss a
/// minute, so a source that fails often does not fill the log.
final class SourceNotice: Sendable {
    private struct State {
        /// Whether the last logged line reported a loss.
        var isTold = false
        var toldAt: Instant?
        var untold = 0
    }

    private static let quiet = Interval.seconds(60)

    private let state = Mutex(State())

    /// - Parameter now: the time by a monotonic clock.
    /// - Returns: the line to log; nil if the loss was logged before, or another one within the
    ///   minute.
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

    /// - Returns: the line to log for a source that answers; nil if its loss was not logged.
    func back(_ line: String) -> String? {
        state.withLock { state in
            guard state.isTold else { return nil }
            state.isTold = false
            return line
        }
    }
}
