/// A reading of the clock that never jumps: what timers count by. It tells how much time has
/// passed, and nothing about the time of day.
package struct Instant: Hashable, Comparable, Sendable {
    /// Since an unspecified start.
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    package static func + (instant: Instant, interval: Interval) -> Instant {
        Instant(nanoseconds: instant.nanoseconds.addingClamping(interval.nanoseconds))
    }

    /// From `right` to `left`.
    package static func - (left: Instant, right: Instant) -> Interval {
        Interval(nanoseconds: left.nanoseconds.subtractingClamping(right.nanoseconds))
    }
}
