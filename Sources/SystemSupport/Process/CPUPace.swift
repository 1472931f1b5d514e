internal import Glibc

/// Keeps a process to its share of CPU by letting one thread rest.
package struct CPUPace {
    private let cores: Double?
    /// Nanoseconds of CPU that may be used at once.
    private var credit: Double = 0
    private var lastTime: Int64
    private var lastCPU: Int64
    /// Nanoseconds that the thread has rested.
    package private(set) var rested: Int64 = 0

    /// What was not used is saved up to this time's worth, and what was used too much is rested off
    /// by it at most at once.
    private static let periodNanoseconds: Double = 100_000_000

    package init(cores: Double?) {
        self.cores = cores
        lastTime = Clock.monotonic()
        lastCPU = Clock.processCPU()
    }

    /// Rests where the process has used more than its share since the last call.
    package mutating func keep() {
        guard let cores else { return }
        let time = Clock.monotonic()
        guard time - lastTime >= 2_000_000 else { return }
        let cpu = Clock.processCPU()
        credit += Double(time - lastTime) * cores - Double(cpu - lastCPU)
        credit = min(credit, Self.periodNanoseconds * cores)
        lastTime = time
        lastCPU = cpu
        guard credit < 0 else { return }
        let rest = min(-credit / cores, Self.periodNanoseconds)
        rested += Int64(rest)
        var wanted = timespec(tv_sec: 0, tv_nsec: Int(rest))
        // SAFETY: the structure is ours; a signal may end the rest early.
        _ = unsafe nanosleep(&wanted, nil)
    }
}
