/// A reading of the monotonic clock, for timers. It measures elapsed time and is unrelated to the
/// time of day.
package struct Instant: Hashable, Comparable, Sendable {
    /// Nanoseconds since an unspecified start.
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static func < (left: Instant, right: Instant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    package static func + (instant: Instant, interval: Interval) -> Instant {
        Instant(nanoseconds: instant.nanoseconds.addingClamping(interval.nanoseconds))
    }

    /// The time from `right` to `left`.
    package static func - (left: Instant, right: Instant) -> Interval {
        Interval(nanoseconds: left.nanoseconds.subtractingClamping(right.nanoseconds))
    }
}
