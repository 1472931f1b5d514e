internal import TextFormats

/// Detects steps of the system clock: by comparing it with the time since the machine
/// started.
///
/// A clock that is slewed, as NTP does, is followed without a word.
package struct ClockWatch: Sendable {
    /// Less than this is no step: a busy machine has its pauses between two readings.
    package static let least: Int64 = 2_000_000_000

    /// When the machine started, as the clock has it, in nanoseconds since 1970.
    package private(set) var start: Int64

    /// - Parameter now: nanoseconds since 1970.
    package init(now: Int64) { start = now &- Clock.sinceStart() }

    /// How far the clock was set, in nanoseconds, since the last call; nil where it was not.
    package mutating func step(to now: Int64) -> Int64? {
        let latest = now &- Clock.sinceStart()
        let step = latest &- start
        start = latest
        return abs(step) >= Self.least ? step : nil
    }

    /// The step as text, for a log line.
    package static func text(_ step: Int64) -> String {
        let seconds = abs(step) / 1_000_000_000
        return "the clock was set \(step < 0 ? "back" : "forward") by \(TimeSpan(seconds: seconds))"
    }
}
