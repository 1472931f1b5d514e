package import Timestamps

/// Limits the CPU use of a process by pausing one thread.
package struct CPULimiter {
    private let cores: Double?
    /// The CPU time that may be used immediately.
    private var credit = Interval.zero
    private var lastTime: Instant
    private var lastCPU: Interval
    /// How long the thread has paused.
    package private(set) var rested = Interval.zero

    /// Unused time is saved up to this amount, and a single pause is not longer than this.
    private static let period = Interval.milliseconds(100)

    package init(cores: Double?) {
        self.cores = cores
        lastTime = Clock.monotonic()
        lastCPU = Clock.processCPU()
    }

    /// Pauses if the process has used more than its share since the last call.
    package mutating func keep() {
        guard let cores else { return }
        let time = Clock.monotonic()
        guard time - lastTime >= .milliseconds(2) else { return }
        let cpu = Clock.processCPU()
        credit += .seconds((time - lastTime).inSeconds * cores) - (cpu - lastCPU)
        credit = min(credit, .seconds(Self.period.inSeconds * cores))
        lastTime = time
        lastCPU = cpu
        guard credit < .zero else { return }
        let pause = min(.seconds(-credit.inSeconds / cores), Self.period)
        rested += pause
        rest(pause)
    }
}
