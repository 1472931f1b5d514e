internal import Dispatch
internal import SystemSupport
public import Quarantine
internal import Synchronization

/// Keeps the fence standing: a quarantine that several threads may use, with a thread of its own
/// that hears of other programs' changes to the firewall and puts them right at once.
public final class QuarantineGuard: Sendable {
    /// What the guard found and did by itself, and why it looked.
    public struct Finding: Sendable {
        public var cause: FirewallDisturbance?
        public var repair: QuarantineRunner.Repair
        public var failure: QuarantineError?
    }

    private let runner: Mutex<QuarantineRunner>
    private let isStopping = Atomic<Bool>(false)
    private let hasStopped = DispatchSemaphore(value: 0)
    private let queue = DispatchQueue(label: "quarantine")

    /// Starts the thread; it works on the network namespace of the calling thread.
    ///
    /// - Parameters:
    ///   - clock: nanoseconds since 1970.
    ///   - report: called on the guard's thread whenever it has looked.
    public init(
        _ runner: consuming QuarantineRunner, clock: @escaping @Sendable () -> Int64,
        report: @escaping @Sendable (Finding) -> Void
    ) throws(QuarantineError) {
        let watch = try FirewallWatch(ignoring: [runner.port])
        self.runner = Mutex(runner)
        let held = Mutex<FirewallWatch?>(watch)
        startThread { [self] in
            if let watch = held.withLock({ $0.take() }) {
                self.watch(watch, clock: clock, report: report)
            }
            hasStopped.signal()
        }
    }

    /// Uses the quarantine; other threads wait meanwhile.
    public func with<T: Sendable>(
        _ body: (inout QuarantineRunner) throws(QuarantineError) -> sending T
    ) throws(QuarantineError) -> sending T {
        try runner.withLock { (runner: inout QuarantineRunner) throws(QuarantineError) in
            try body(&runner)
        }
    }

    /// The same for a task: what waits is a thread that nothing else needs.
    package func use<T: Sendable>(
        _ body: @escaping @Sendable (inout QuarantineRunner) throws(QuarantineError) -> T
    ) async throws(QuarantineError) -> T {
        let result = await withCheckedContinuation { continuation in
            queue.async { [self] in
                continuation.resume(
                    returning: Result { () throws(QuarantineError) in
                        try with { runner throws(QuarantineError) in try body(&runner) }
                    })
            }
        }
        return try result.get()
    }

    /// Looks at the quarantine unless somebody is using it.
    package func peek<T: Sendable>(_ body: (borrowing QuarantineRunner) -> T) -> T? {
        runner.withLockIfAvailable { runner in body(runner) }
    }

    /// Ends the thread; returns when it has ended. Fences stay until the kernel ends them.
    public func stop() {
        isStopping.store(true, ordering: .relaxed)
        hasStopped.wait()
        hasStopped.signal()
    }

    private func watch(
        _ watch: consuming FirewallWatch, clock: () -> Int64, report: (Finding) -> Void
    ) {
        while !isStopping.load(ordering: .relaxed) {
            var cause: FirewallDisturbance?
            do throws(QuarantineError) {
                cause = try watch.wait(milliseconds: 250)
                guard let cause else { continue }
                let repair = try with {
                    (runner: inout QuarantineRunner) throws(QuarantineError) in
                    try runner.reconcile(now: clock(), cause: "\(cause)")
                }
                report(Finding(cause: cause, repair: repair, failure: nil))
            } catch {
                report(Finding(cause: cause, repair: .init(), failure: error))
                // Whatever it is, it is not cured by trying faster.
                rest(milliseconds: 1000)
            }
        }
    }
}
