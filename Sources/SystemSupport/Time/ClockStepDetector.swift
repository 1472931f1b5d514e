internal import TextFormats
package import Timestamps

/// Detects steps of the system clock: by comparing it with the time since the machine
/// started.
///
/// A clock that is slewed, as NTP does, is followed without a word.
package struct ClockStepDetector: Sendable {
    /// Less than this is no step: a busy machine has its pauses between two readings.
    package static let least = Interval.seconds(2)

    /// When the machine started, as the clock has it.
    package private(set) var start: Timestamp

    package init(now: Timestamp) { start = now - Clock.sinceStart() }

    /// How far the clock was set since the last call; nil where it was not.
    package mutating func step(to now: Timestamp) -> Interval? {
        let latest = now - Clock.sinceStart()
        let step = latest - start
        start = latest
        return step.magnitude >= Self.least ? step : nil
    }

    /// The step as text, for a log line.
    package static func text(_ step: Interval) -> String {
        "the clock was set \(step < .zero ? "back" : "forward") by \(TimeSpan(step.magnitude))"
    }
}
