public import NetworkAddresses
public import Quarantine
import SystemSupport

/// The quarantine as the monitor uses it: policy, rails, ledger and kernel in one.
///
/// Decides and acts for one thread at a time; `watch` tells when the kernel's tables were changed
/// by somebody else, and belongs on a thread of its own.
public struct QuarantineRunner: ~Copyable, Sendable {
    /// The policy; its inventory and allowlist may be replaced at any time.
    public var policy: QuarantinePolicy
    private var keeper: QuarantineKeeper<Firewall>
    private var discovery: ProtectedDiscovery
    private let ledger: any FenceLedger
    /// Nil: `now` is whatever the caller says.
    private var clock: ClockWatch?
    private var isClockToBeNoted = false
    /// What is protected as long as this runs; what the node showed when it was last looked at; and what engines name.
    private let configured: ProtectedSet
    private var discovered: ProtectedSet
    private var followed: [ProtectedSet.Entry] = []

    public typealias Outcome = QuarantineOutcome

    /// What was found and put right.
    public struct Repair: Sendable {
        public var outcomes: [Outcome] = []
        /// Whether the kernel's tables were not as they should be.
        public var wasNeeded = false
    }

    /// Opens ledger and kernel, and makes them agree.
    ///
    /// - Parameters:
    ///   - isEnforcing: false is a dry run: everything but the last call to the kernel.
    ///   - now: nanoseconds since 1970.
    ///   - followsClock: whether `now` is the system's clock. Then fences keep the time that is left to them when
    ///     somebody sets it, also while no monitor runs.
    /// - Throws: `.notPermitted` without CAP_NET_ADMIN when enforcing; `.ledger`.
    public init(
        policy: QuarantinePolicy, ledger: any FenceLedger, isEnforcing: Bool,
        discovery: ProtectedDiscovery = ProtectedDiscovery(), flushesConnections: Bool = false,
        now: Int64, followsClock: Bool = false
    ) throws(QuarantineError) {
        var discovery = discovery
        discovery.containers = policy.inventory.networks.map(\.prefix)
        let found = try discovery.discover()
        let configured = Self.configured(policy)
        let options = Self.options(
            policy, configured, found, isDryRun: !isEnforcing,
            flushesConnections: flushesConnections)
        if isEnforcing { try ledger.note(options) }
        var keeper = QuarantineKeeper(ledger: ledger, actuator: try Firewall(options))
        let clock = followsClock ? ClockWatch(now: now) : nil
        if let clock, let step = try ledger.stepOfClock(startedAt: clock.start) {
            try keeper.clockStepped(by: step, now: now, actor: "lazaret")
        }
        _ = try keeper.reconcile(now: now, cause: "start", actor: "lazaret")
        keeper.mayOweLedger = true
        var policy = policy
        policy.protected = options.protected
        policy.restore(keeper.openRows.map { $0.action(.fence, time: $0.created) })
        self.clock = clock
        self.ledger = ledger
        self.policy = policy
        self.discovery = discovery
        self.configured = configured
        discovered = found.protected
        self.keeper = keeper
    }

    /// What the actuator needs to know, as found on this node and as configured.
    public static func options(
        policy: QuarantinePolicy, discovery: ProtectedDiscovery, isDryRun: Bool,
        flushesConnections: Bool = false
    ) throws(QuarantineError) -> FirewallOptions {
        options(
            policy, configured(policy), try discovery.discover(), isDryRun: isDryRun,
            flushesConnections: flushesConnections)
    }

    /// What is protected whatever the node shows.
    private static func configured(_ policy: QuarantinePolicy) -> ProtectedSet {
        var protected = policy.protected
        for network in policy.inventory.networks {
            guard let gateway = network.gateway else { continue }
            protected.add(.init(host: gateway), reason: "gateway of \(network.name)")
        }
        for service in policy.options.kept {
            protected.add(
                .init(host: service.address), reason: "kept reachable: \(service.name)")
        }
        return protected
    }

    private static func options(
        _ policy: QuarantinePolicy, _ configured: ProtectedSet, _ found: ProtectedDiscovery.Finding,
        isDryRun: Bool, flushesConnections: Bool
    ) -> FirewallOptions {
        var options = FirewallOptions()
        options.isDryRun = isDryRun
        options.protected = configured
        options.protected.formUnion(found.protected)
        options.kept = policy.options.kept
        options.keptNeighbours = found.ownAddresses
        options.limitPacketsPerSecond = policy.options.limitPacketsPerSecond
        options.flushesConnections = flushesConnections
        return options
    }

    /// The socket's name in netlink events, for `FirewallWatch(ignoring:)`.
    public var port: UInt32 { keeper.actuator.port }

    /// The fences that stand.
    public var openRows: [FenceRow] { keeper.openRows }

    /// What could not be written down yet.
    public var arrears: LedgerArrears { keeper.arrears }

    /// Weighs one verdict and does what the policy decides.
    ///
    /// - Parameter now: wall-clock nanoseconds since 1970; ends in the kernel count from it.
    public mutating func consider(
        _ offence: Offence, now: Int64
    ) throws(QuarantineError) -> [Outcome] {
        try keepTime(now)
        var offence = offence
        // One of before the clock was set back would end every fence, and begin the next in what is the future now.
        if clock != nil { offence.time = min(offence.time, now) }
        return try perform(policy.consider(offence), now: now)
    }

    /// Moves every end along where the clock was set: the kernel counts time that passes, and so do fences.
    private mutating func keepTime(_ now: Int64) throws(QuarantineError) {
        if let step = clock?.step(to: now) {
            isClockToBeNoted = true
            policy.clockStepped(by: step)
            try keeper.clockStepped(by: step, now: now, actor: "lazaret")
        }
        guard isClockToBeNoted, let start = clock?.start else { return }
        // Where the ledger cannot be written, fences go on all the same.
        do throws(QuarantineError) {
            _ = try ledger.stepOfClock(startedAt: start)
            isClockToBeNoted = false
        } catch {}
    }

    /// Takes over another configuration; fences that stand keep their ends.
    public mutating func follow(
        _ options: QuarantinePolicyOptions, allowlist: [AllowEntry],
        protecting named: [ProtectedSet.Entry]
    ) throws(QuarantineError) {
        policy.options = options
        // What was released by hand is left alone as long as was promised.
        policy.allowlist =
            allowlist + policy.allowlist.filter { $0.reason == QuarantinePolicy.releasedByHand }
        discovery.named = named
        try refreshProtected()
    }

    /// Fences `target` by hand.
    public mutating func add(
        _ target: FenceTarget, response: FenceResponse, seconds: Int64, reason: String,
        now: Int64, actor: String, force: Bool
    ) throws(QuarantineError) -> Outcome {
        try keepTime(now)
        let made = try keeper.add(
            target, response: response, seconds: seconds, reason: reason, now: now, actor: actor,
            force: force)
        if made.failure == nil {
            policy.restore(
                keeper.openRows.filter { $0.target == target }.map {
                    $0.action(.fence, time: $0.created)
                })
        }
        return Outcome(action: made.action, failure: made.failure)
    }

    /// Takes down every fence that lies in `target`, and leaves it alone for a while.
    public mutating func release(
        _ target: FenceTarget, reason: String, now: Int64, actor: String
    ) throws(QuarantineError) -> [Outcome] {
        try keepTime(now)
        let outcomes = try keeper.release(target, reason: reason, now: now, actor: actor)
        for outcome in outcomes where outcome.failure == nil {
            _ = policy.release(outcome.action.target, reason: reason, time: now)
        }
        return outcomes.map { Outcome(action: $0.action, failure: $0.failure) }
    }

    /// Every fence with what the kernel counted.
    public mutating func standing(
        now: Int64
    ) throws(QuarantineError) -> [QuarantineKeeper<Firewall>.Standing] {
        try keeper.list(now: now)
    }

    /// Looks around anew for what must be protected; every few seconds is often enough.
    public mutating func refreshProtected() throws(QuarantineError) {
        let found = try discovery.discover()
        discovered = found.protected
        keeper.actuator.options.keptNeighbours = found.ownAddresses
        protect()
    }

    /// What is no longer found is no longer protected: cards and addresses come and go.
    private mutating func protect() {
        var all = configured
        for entry in followed { all.add(entry.prefix, reason: entry.reason) }
        all.formUnion(discovered)
        policy.protected = all
        keeper.actuator.options.protected = all
    }

    /// Goes on with other workloads and networks.
    ///
    /// A fence over an address that is another workload's now is taken down: it was meant for whoever had it.
    /// Fences by hand stay.
    ///
    /// - Parameters:
    ///   - links: whose each hardware address is.
    ///   - protected: what must never be fenced, beside the networks' gateways.
    public mutating func follow(
        _ known: KnownInventory, links: [MACAddress: String] = [:],
        protected: [ProtectedSet.Entry], now: Int64
    ) throws(QuarantineError) -> [Outcome] {
        policy.inventory = known
        let entries =
            protected
            + known.networks.compactMap { network in
                network.gateway.map {
                    .init(IPPrefix(host: $0), reason: "gateway of network \(network.name)")
                }
            }
        discovery.containers = known.networks.map(\.prefix)
        if entries != followed {
            followed = entries
            protect()
        }
        let moved = policy.activeFences.compactMap { fence -> QuarantineAction? in
            let holder: String? =
                switch fence.target {
                case .prefix(let prefix):
                    prefix.isHost ? known.workload(at: prefix.address)?.name : nil
                case .link(let link): links[link]
                }
            guard fence.level > 0, let before = fence.workload, let holder, holder != before,
                before != "\(fence.target)"
            else { return nil }
            var action = fence
            action.kind = .release
            action.time = now
            action.until = now
            action.reason = "the address was \(before)'s and is \(holder)'s now"
            return action
        }
        guard !moved.isEmpty else { return [] }
        for action in moved { policy.withdraw(action.target) }
        return try perform(moved, now: now)
    }

    /// Once a second: fences whose time is over, and what other programs did to ledger or kernel.
    public mutating func tick(now: Int64) throws(QuarantineError) -> [Outcome] {
        try keepTime(now)
        let expired = policy.advance(to: now)
        var outcomes = expired.map { Outcome(action: $0, failure: nil) }
        keeper.catchUp(now: now)
        _ = try keeper.sweep(now: now)
        if try keeper.hasChangedElsewhere() {
            outcomes += try reconcile(
                now: now, cause: "the ledger was changed by another program"
            ).outcomes
        }
        return outcomes
    }

    /// Makes ledger and kernel agree, and tells the policy what others did.
    public mutating func reconcile(
        now: Int64, cause: String
    ) throws(QuarantineError) -> Repair {
        try keepTime(now)
        let report = try keeper.reconcile(now: now, cause: cause, actor: "lazaret")
        let open = keeper.openRows
        let standing = Set(open.map(\.target))
        var outcomes: [Outcome] = []
        for fence in policy.activeFences where !standing.contains(fence.target) {
            outcomes += policy.release(
                fence.target, reason: QuarantinePolicy.releasedByHand, time: now
            ).map {
                Outcome(action: $0, failure: nil)
            }
        }
        // What another program fenced, or gave a later end.
        let known = Dictionary(policy.activeFences.map { ($0.target, $0.until) }) { $1 }
        let others = open.filter { row in known[row.target].map { $0 < row.until } ?? true }
        policy.restore(others.map { $0.action(.fence, time: $0.created) })
        let putBack = Set(report.restored.map(\.target))
        outcomes += others.filter { !putBack.contains($0.target) }.map {
            Outcome(
                action: $0.action(known[$0.target] == nil ? .fence : .extend, time: now),
                failure: nil)
        }
        outcomes += report.restored.map {
            Outcome(
                action: $0.action(.fence, time: now, reason: "put back: \(cause)"), failure: nil,
                isPutBack: true)
        }
        return Repair(
            outcomes: outcomes,
            wasNeeded: report.wasRebuilt || !report.restored.isEmpty || !report.removed.isEmpty
                || !report.adopted.isEmpty)
    }

    private mutating func perform(
        _ actions: [QuarantineAction], now: Int64
    ) throws(QuarantineError) -> [Outcome] {
        let outcomes: [QuarantineKeeper<Firewall>.Outcome]
        do throws(QuarantineError) {
            // The policy thinks in packet time; the kernel's timers run from now.
            outcomes = try keeper.perform(actions, now: now)
        } catch {
            // Nothing was done, whatever the policy believes: what stands is what the ledger says.
            let targets = Set(actions.map(\.target))
            for target in targets { policy.withdraw(target) }
            policy.restore(
                keeper.openRows.filter { targets.contains($0.target) }.map {
                    $0.action(.fence, time: $0.created)
                })
            throw error
        }
        for outcome in outcomes where outcome.failure != nil && outcome.action.kind == .fence {
            policy.withdraw(outcome.action.target)
        }
        return outcomes.map { Outcome(action: $0.action, failure: $0.failure) }
    }
}
