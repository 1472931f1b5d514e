internal import Dispatch
public import ProtectedAddresses
public import Quarantine
internal import Synchronization
internal import SystemSupport
public import Timestamps

/// The quarantine of a running monitor: the engine behind a lock, with a thread that receives other
/// programs' changes to the firewall and reverts them immediately.
///
/// It can be used from any thread.
public final class QuarantineService: Sendable {
    public struct Options: Sendable {
        /// Whether rules are applied in the kernel; false is a dry run that omits only the last
        /// call.
        public var isEnforcing = false
        public var discovery = ProtectedDiscovery()
        /// Whether connection tracking entries of new targets are deleted.
        public var flushesConnections = false
        /// Whether `now` is the system's clock. If so, rules keep their remaining time when the
        /// clock is set, even while no monitor runs.
        public var followsClock = false

        public init() {}
    }

    /// The result of a reconciliation that the thread started, and its cause.
    public struct Finding: Sendable {
        public var cause: RulesetChange?
        public var report = ReconciliationReport()
        public var failure: QuarantineError?
    }

    /// The state that one thread uses at a time.
    fileprivate struct State: ~Copyable, Sendable {
        var engine: QuarantineEngine<Firewall>
        var protection: ProtectionSources
        /// Nil: the caller sets the time.
        var clock: ClockStepDetector?
        /// How far the clock was set, if the rules have not been moved yet.
        var clockStep: Interval?
        /// Whether the installed tables are those of earlier options.
        var isLayoutOld = false
    }

    private let state: Mutex<State>
    private let clock: @Sendable () -> Timestamp
    private let isStopping = Atomic<Bool>(false)
    private let ended = Signal()
    private let queue = DispatchQueue(label: "quarantine")

    /// Opens the kernel's tables, reconciles them with the ledger, and starts the thread. Works on
    /// the network namespace of the calling thread.
    ///
    /// - Parameters:
    ///   - clock: returns the current time.
    ///   - report: called on the thread after each reconciliation.
    /// - Throws: `.notPermitted` without CAP_NET_ADMIN when enforcing; `.ledger`.
    public init(
        policy: QuarantinePolicy, ledger: any QuarantineLedger, options: Options,
        clock: @escaping @Sendable () -> Timestamp, report: @escaping @Sendable (Finding) -> Void
    ) throws(QuarantineError) {
        self.clock = clock
        let now = clock()
        var policy = policy
        var protection = ProtectionSources(policy, options.discovery)
        // An alert in the first second must find the gateway's MAC address protected.
        protection.discovery.resolvesGateways = options.isEnforcing
        let neighbours = try protection.refresh()
        policy.protected = protection.all
        var firewall = FirewallOptions()
        firewall.isDryRun = !options.isEnforcing
        firewall.keptNeighbours = neighbours
        firewall.follow(policy.options, flushesConnections: options.flushesConnections)
        var engine = QuarantineEngine(
            policy: policy, ledger: ledger, actuator: try Firewall(firewall))
        let watch = options.followsClock ? ClockStepDetector(now: now) : nil
        if let watch {
            try engine.followClock(startedAt: watch.start, now: now, actor: "lazaret")
        }
        _ = try engine.reconcile(now: now, cause: "start", actor: "lazaret")
        let moved = try engine.followPorts(now: now)
        engine.defersWrites = true
        engine.foreign += moved
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

    /// Uses the engine; other threads wait until `body` returns.
    ///
    /// - Parameter body: receives the engine and the current time.
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

    /// The same for a task: it waits on a separate queue, and blocks no thread of the concurrency
    /// pool.
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

    /// Reads the engine, unless another thread is using it.
    package func peek<T: Sendable>(_ body: (borrowing QuarantineEngine<Firewall>) -> T) -> T? {
        state.withLockIfAvailable { state in body(state.engine) }
    }

    /// Once a second: processes expired rules, pending writes, and other programs' changes to the
    /// ledger.
    ///
    /// - Parameter refreshes: whether to discover protected addresses again; every few seconds is
    ///   sufficient.
    package func tick(refreshes: Bool) throws(QuarantineError) -> [QuarantineOutcome] {
        if refreshes {
            try state.withLock { (state: inout State) throws(QuarantineError) in
                try state.refreshProtection()
            }
        }
        return try state.withLock { (state: inout State) throws(QuarantineError) in
            let now = clock()
            try state.keepTime(now)
            let outcomes = try state.engine.tick(now: now)
            do throws(QuarantineError) { try state.followOptions(now) } catch {
                // The next call returns them.
                state.engine.foreign += outcomes
                throw error
            }
            return outcomes
        }
    }

    /// Applies another configuration; active rules keep their expiries, and services that targets
    /// may reach stay the same until the next start. The next `tick` builds the kernel's tables
    /// again if they differ.
    ///
    /// - Throws: if protected addresses cannot be discovered; nothing is changed then.
    package func reconfigure(
        _ options: QuarantinePolicyOptions, flushesConnections: Bool, allowlist: [AllowEntry],
        protecting named: [ProtectedSet.Entry]
    ) throws(QuarantineError) {
        try state.withLock { (state: inout State) throws(QuarantineError) in
            let before = state.protection.discovery.named
            state.protection.discovery.named = named
            do throws(QuarantineError) { try state.refreshProtection() } catch {
                state.protection.discovery.named = before
                throw error
            }
            var options = options
            options.kept = state.engine.policy.options.kept
            state.engine.policy.options = options
            state.engine.policy.replaceAllowlist(allowlist)
            state.change { $0.follow(options, flushesConnections: flushesConnections) }
        }
    }

    /// Replaces the workloads and networks.
    ///
    /// - Parameter protected: addresses to protect, in addition to the networks' gateways.
    /// - Returns: rules that were removed because their address now belongs to another workload.
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

    /// Stops the thread. Rules stay in the kernel until they expire.
    ///
    /// - Returns: false if it is still busy with the ledger or the kernel after five seconds.
    @discardableResult
    public func stop() -> Bool {
        isStopping.store(true, ordering: .relaxed)
        guard ended.wait(until: Clock.monotonic() + .seconds(5)) else { return false }
        // Wakes other callers that wait.
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
                // The error may persist: wait before the next attempt.
                rest(.milliseconds(1000))
            }
        }
    }
}

extension QuarantineService.State {
    /// Moves every expiry when the clock is set, since the kernel counts elapsed time.
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
        let neighbours = try protection.refresh()
        change { $0.keptNeighbours = neighbours }
        engine.policy.protected = protection.all
    }

    /// Changes the actuator's options, and notes whether the tables differ with them.
    fileprivate mutating func change(_ body: (inout FirewallOptions) -> Void) {
        let before = engine.actuator.layout([])
        body(&engine.actuator.options)
        if engine.actuator.layout([]) != before { isLayoutOld = true }
    }

    /// Builds the tables of earlier options again.
    fileprivate mutating func followOptions(_ now: Timestamp) throws(QuarantineError) {
        guard isLayoutOld else { return }
        let report = try engine.reconcile(
            now: now, cause: "the configuration was changed", actor: "lazaret", rebuilds: true)
        isLayoutOld = false
        engine.foreign += report.outcomes
    }
}
