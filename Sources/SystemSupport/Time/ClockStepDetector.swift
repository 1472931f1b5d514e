internal import TextFormats
package import Timestamps

/// Detects steps of the system clock by comparing it with the time since the machine started.
///
/// Slewing of the clock, as by NTP, is not reported.
package struct ClockStepDetector: Sendable {
    /// A smaller difference is not a step, since a busy machine pauses between the two readings.
    package static let least = Interval.seconds(2)

    /// When the machine started, by the system clock.
    package private(set) var start: Timestamp

    package init(now: Timestamp) { start = now - Clock.sinceStart() }

    /// How far the clock was set since the last call; nil if it was not.
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
