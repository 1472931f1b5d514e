internal import Timestamps

/// The delay between retries: half a second at first, then doubled each time, 30 s at most.
package struct Backoff: Sendable {
    package private(set) var isFailing = false
    private var pause = Interval.milliseconds(250)
    private var due = Clock.monotonic()

    package var isOver: Bool { Clock.monotonic() >= due }

    package init() {}

    package mutating func fail() {
        isFailing = true
        pause = min(.seconds(30), pause * 2)
        due = Clock.monotonic() + pause
    }
}
