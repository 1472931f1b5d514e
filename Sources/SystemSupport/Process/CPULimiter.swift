package import Timestamps

/// Keeps a process to its share of CPU by letting one thread rest.
package struct CPULimiter {
    private let cores: Double?
    /// CPU time that may be used at once.
    private var credit = Interval.zero
    private var lastTime: Instant
    private var lastCPU: Interval
    /// How long the thread has rested.
    package private(set) var rested = Interval.zero

    /// What was not used is saved up to this time's worth, and what was used too much is rested off
    /// by it at most at once.
    private static let period = Interval.milliseconds(100)

    package init(cores: Double?) {
        self.cores = cores
        lastTime = Clock.monotonic()
        lastCPU = Clock.processCPU()
    }

    /// Rests where the process has used more than its share since the last call.
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
