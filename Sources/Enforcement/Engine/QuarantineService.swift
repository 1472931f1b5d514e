internal import Dispatch
public import Quarantine
internal import Synchronization
internal import SystemSupport
public import Timestamps

/// The quarantine of a running monitor: the engine behind a lock, with a thread that hears of other
/// programs' changes to the firewall and puts them right at once.
///
/// Any thread may use it.
public final class QuarantineService: Sendable {
    public struct Options: Sendable {
        /// False is a dry run: everything but the last call to the kernel.
        public var isEnforcing = false
        public var discovery = ProtectedDiscovery()
        /// Whether connection tracking entries of new targets are deleted.
        public var flushesConnections = false
        /// Whether `now` is the system's clock. Then rules keep the time that is left to them when
        /// the clock is set, also while no monitor runs.
        public var followsClock = false

        public init() {}
    }

    /// What was found and put right without being asked, and why it was looked for.
    public struct Finding: Sendable {
        public var cause: RulesetChange?
        public var report = ReconciliationReport()
        public var failure: QuarantineError?
    }

    /// What is used by one thread at a time.
    fileprivate struct State: ~Copyable, Sendable {
        var engine: QuarantineEngine<Firewall>
        var protection: ProtectionSources
        /// Nil: `now` is whatever the caller says.
        var clock: ClockStepDetector?
        /// How far the clock was set, if the rules have not followed it yet.
        var clockStep: Interval?
    }

    private let state: Mutex<State>
    private let clock: @Sendable () -> Timestamp
    private let isStopping = Atomic<Bool>(false)
    private let ended = Signal()
    private let queue = DispatchQueue(label: "quarantine")

    /// Opens the kernel, makes it agree with the ledger, and starts the thread; works on the
    /// network namespace of the calling thread.
    ///
    /// - Parameters:
    ///   - clock: tells the time.
    ///   - report: called on the thread whenever it has looked.
    /// - Throws: `.notPermitted` without CAP_NET_ADMIN when enforcing; `.ledger`.
    public init(
        policy: QuarantinePolicy, ledger: any QuarantineLedger, options: Options,
        clock: @escaping @Sendable () -> Timestamp, report: @escaping @Sendable (Finding) -> Void
    ) throws(QuarantineError) {
        self.clock = clock
        let now = clock()
        var policy = policy
        var protection = ProtectionSources(policy, options.discovery)
        let neighbours = try protection.refresh()
        policy.protected = protection.all
        var firewall = FirewallOptions()
        firewall.isDryRun = !options.isEnforcing
        firewall.kept = policy.options.kept
        firewall.keptNeighbours = neighbours
        firewall.limitPacketsPerSecond = policy.options.limitPacketsPerSecond
        firewall.flushesConnections = options.flushesConnections
        var engine = QuarantineEngine(
            policy: policy, ledger: ledger, actuator: try Firewall(firewall))
        let watch = options.followsClock ? ClockStepDetector(now: now) : nil
        if let watch {
            try engine.followClock(startedAt: watch.start, now: now, actor: "lazaret")
        }
        _ = try engine.reconcile(now: now, cause: "start", actor: "lazaret")
        engine.defersWrites = true
        for rule in engine.rules.values { engine.policy.record(active: rule) }
        let port = engine.actuator.port
        state = Mutex(
            State(engine: engine, protection: protection, clock: watch))
        let monitor = Mutex<RulesetMonitor?>(try RulesetMonitor(ignoring: [port]))
        startThread { [self] in
            if let monitor = monitor.withLock({ $0.take() }) { self.watch(monitor, report) }
            ended.raise()
        }
    }

    /// Uses the engine; other threads wait meanwhile.
    ///
    /// - Parameter body: gets the time.
    public func with<T: Sendable>(
        _ body: (
            _ engine: inout QuarantineEngine<Firewall>, _ now: Timestamp
        ) throws(QuarantineError) -> sending T
    ) throws(QuarantineError) -> sending T {
        try state.withLock { (state: inout State) throws(QuarantineError) in
            let now = clock()
            try state.keepTime(now)
            return try body(&state.engine, now)
        }
    }

    /// The same for a task: what waits is a thread that nothing else needs.
    package func use<T: Sendable>(
        _ body:
            @escaping @Sendable (
                _ engine: inout QuarantineEngine<Firewall>, _ now: Timestamp
            ) throws(QuarantineError) -> T
    ) async throws(QuarantineError) -> T {
        try await onQueue { [self] () throws(QuarantineError) in
            try with { (engine, now) throws(QuarantineError) in try body(&engine, now) }
        }
    }

    private func onQueue<T: Sendable>(
        _ body: @escaping @Sendable () throws(QuarantineError) -> T
    ) async throws(QuarantineError) -> T {
        let result = await withCheckedContinuation { continuation in
            queue.async {
                continuation.resume(
                    returning: Result { () throws(QuarantineError) in try body() })
            }
        }
        return try result.get()
    }

    /// Looks at the engine unless somebody is using it.
    package func peek<T: Sendable>(_ body: (borrowing QuarantineEngine<Firewall>) -> T) -> T? {
        state.withLockIfAvailable { state in body(state.engine) }
    }

    /// Once a second: what is due, and what other programs did to the ledger.
    ///
    /// - Parameter refreshes: whether to look anew for what must be protected; every few seconds is
    ///   often enough.
    package func tick(refreshes: Bool) throws(QuarantineError) -> [QuarantineOutcome] {
        if refreshes {
            try state.withLock { (state: inout State) throws(QuarantineError) in
                try state.refreshProtection()
            }
        }
        return try with { (engine, now) throws(QuarantineError) in try engine.tick(now: now) }
    }

    /// Takes over another configuration; active rules keep their ends.
    package func reconfigure(
        _ options: QuarantinePolicyOptions, allowlist: [AllowEntry],
        protecting named: [ProtectedSet.Entry]
    ) throws(QuarantineError) {
        try state.withLock { (state: inout State) throws(QuarantineError) in
            state.engine.policy.options = options
            state.engine.policy.replaceAllowlist(allowlist)
            state.protection.discovery.named = named
            try state.refreshProtection()
        }
    }

    /// Goes on with other workloads and networks.
    ///
    /// - Parameter protected: what must be protected, beside the networks' gateways.
    /// - Returns: rules that were removed because their address is another workload's now.
    package func follow(
        _ inventory: KnownInventory, protecting protected: [ProtectedSet.Entry]
    ) async throws(QuarantineError) -> [QuarantineOutcome] {
        try await onQueue { [self] () throws(QuarantineError) in
            state.withLock { state in
                state.protection.follow(inventory, protecting: protected)
                state.engine.policy.protected = state.protection.all
            }
            return try with { (engine, now) throws(QuarantineError) in
                try engine.follow(inventory, now: now)
            }
        }
    }

    /// Ends the thread. Rules stay until the kernel ends them.
    ///
    /// - Returns: false where it is still busy after five seconds, with the ledger or the kernel.
    @discardableResult
    public func stop() -> Bool {
        isStopping.store(true, ordering: .relaxed)
        guard ended.wait(until: Clock.monotonic() + .seconds(5)) else { return false }
        // For whoever else waits.
        ended.raise()
        return true
    }

    private func watch(
        _ monitor: consuming RulesetMonitor, _ report: (Finding) -> Void
    ) {
        while !isStopping.load(ordering: .relaxed) {
            var cause: RulesetChange?
            do throws(QuarantineError) {
                cause = try monitor.wait(milliseconds: 250)
                guard let cause else { continue }
                let found = try with { (engine, now) throws(QuarantineError) in
                    try engine.reconcile(now: now, cause: "\(cause)", actor: "lazaret")
                }
                report(Finding(cause: cause, report: found))
            } catch {
                report(Finding(cause: cause, failure: error))
                // Whatever it is, it is not cured by trying faster.
                rest(.milliseconds(1000))
            }
        }
    }
}

extension QuarantineService.State {
    /// Moves every end along when the clock is set: the kernel counts time that passes, and so do
    /// rules.
    fileprivate mutating func keepTime(_ now: Timestamp) throws(QuarantineError) {
        if let step = clock?.step(to: now) {
            engine.policy.clockStepped(by: step)
            clockStep = (clockStep ?? .zero) + step
        }
        guard let clockStep, let start = clock?.start else { return }
        try engine.followClock(
            startedAt: start, noticing: clockStep, now: now, actor: "lazaret")
        self.clockStep = nil
    }

    fileprivate mutating func refreshProtection() throws(QuarantineError) {
        engine.actuator.options.keptNeighbours = try protection.refresh()
        engine.policy.protected = protection.all
    }
}
