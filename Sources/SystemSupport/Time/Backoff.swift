/// When to try again: after half a second, then twice as long each time, 30 s at most.
package struct Backoff: Sendable {
    package private(set) var isFailing = false
    private var seconds = 0.25
    private var due: Int64 = 0

    package var isOver: Bool { Clock.monotonic() >= due }

    package init() {}

    package mutating func fail() {
        isFailing = true
        seconds = min(30, seconds * 2)
        due = Clock.monotonic() + Int64(seconds * 1e9)
    }
}
