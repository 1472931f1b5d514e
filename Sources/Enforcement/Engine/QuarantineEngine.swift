internal import NetworkAddresses
public import Quarantine
public import Timestamps

/// The quarantine: owns the active rules, decides through its policy, and carries decisions out.
///
/// Each change is written to the ledger, applied to the kernel, and then confirmed in the ledger.
/// After a crash at any point, the next `reconcile` completes the change, and the kernel removes
/// expired elements by itself. Time and events are arguments; each call returns what was done.
/// Several processes (monitor, command line) may share a ledger and a kernel; the ledger's lock
/// orders them.
public struct QuarantineEngine<Actuator: QuarantineActuator & ~Copyable>: ~Copyable {
    public var actuator: Actuator
    /// Decides from its history of offenders; its options, inventory, allowlist and protected set
    /// may be replaced at any time.
    public var policy: QuarantinePolicy
    /// The rules that are active in this mode, enforcing or dry run.
    public internal(set) var rules = ActiveRules()
    /// Whether rules are applied while the ledger cannot be written, and recorded later; for
    /// long-running processes. The kernel expires the rules in any case, and the next start finds
    /// them there.
    public var defersWrites = false
    /// The entries that could not be written to the ledger yet.
    public internal(set) var pendingWrites = PendingWrites()
    let ledger: any QuarantineLedger
    /// Outcomes that no call has returned, such as changes by other processes; the next `tick` or
    /// `reconcile` returns them.
    var foreign: [QuarantineOutcome] = []
    /// Whether another process has written to the ledger since the last reconciliation. It may have
    /// crashed before it finished.
    var hasForeignWrites = false
    /// Whether ledger and kernel have been reconciled once.
    var hasStarted = false

    /// - Parameter ledger: read by `reconcile`, which must be the first call. The first
    ///   reconciliation does not report rules that were active before, and does not record them in
    ///   the policy.
    public init(
        policy: QuarantinePolicy = QuarantinePolicy(), ledger: any QuarantineLedger,
        actuator: consuming Actuator
    ) {
        self.policy = policy
        self.ledger = ledger
        self.actuator = actuator
    }

    // MARK: - Requests and expiry

    /// Decides on one detection and carries the decisions out.
    ///
    /// - Parameter now: the current time, from which the kernel's timeouts are computed.
    /// - Throws: `.ledger` before anything was done; errors of the kernel are part of the outcomes.
    public mutating func consider(
        _ request: EnforcementRequest, now: Timestamp
    ) throws(QuarantineError) -> [QuarantineOutcome] {
        // The time of a request from before the clock was set back would expire every rule, and
        // start the next one in the future.
        var request = request
        request.time = min(request.time, now)
        let expired = rules.expired(at: request.time).map(QuarantineDecision.expiry)
        // The policy sees the rules as they are at the time of the request.
        var active = rules
        for decision in expired { active.update(decision.rule.ended("")) }
        return try perform(expired + policy.decide(request, active: active), now: now)
    }

    /// Once a second: processes expired rules, pending writes, and changes by other processes.
    ///
    /// - Returns: the outcomes, including those of other processes.
    public mutating func tick(now: Timestamp) throws(QuarantineError) -> [QuarantineOutcome] {
        // If a later step fails, the next call returns the outcomes of the earlier ones.
        foreign += try expire(now: now)
        foreign += try followPorts(now: now)
        writePending(now: now)
        if try ledger.hasChangedElsewhere() { hasForeignWrites = true }
        guard hasForeignWrites else { return takeForeign() }
        return try reconcile(
            now: now, cause: "the ledger was changed by another program", actor: "lazaret"
        ).outcomes
    }

    /// Ends expired rules; the kernel has already removed them.
    ///
    /// - Complexity: O(1) before the first expiry.
    public mutating func expire(now: Timestamp) throws(QuarantineError) -> [QuarantineOutcome] {
        try perform(rules.expired(at: now).map(QuarantineDecision.expiry), now: now)
    }

    /// Adds a rule on `target` for an operator. If the same rule is already active, the later
    /// expiry counts.
    ///
    /// - Parameters:
    ///   - workload: the workload that the operator named, if any.
    ///   - force: whether protected targets may be fenced too.
    /// - Throws: `.neverFenced` for targets that cannot be fenced even with `force`;
    ///   `.needsAddress` for a MAC address or a port that is to be protected.
    /// - Returns: the rule as it is now.
    public mutating func add(
        _ target: QuarantineTarget, action: QuarantineRule.Action, duration: Interval,
        reason: String, workload: String? = nil,
        now: Timestamp, actor: String, force: Bool
    ) throws(QuarantineError) -> QuarantineOutcome {
        if let why = ProtectedSet.finalObjection(to: target) {
            throw .neverFenced(target, why: why)
        }
        if action == .protect, target.prefix == nil {
            throw .needsAddress(target)
        }
        let rule = QuarantineRule(
            id: "h" + String(now.nanoseconds / 1000, radix: 36), target: target, action: action,
            created: now,
            expires: now + duration, reason: reason, workload: workload)
        var decision = QuarantineDecision(.add, rule, time: now)
        if case .port(let name) = target {
            guard let instance = try actuator.portInstances()[name] else {
                throw .noSuchPort(name)
            }
            decision.rule.portInstance = instance
        }
        var outcome = try perform([decision], now: now, actor: actor, force: force)[0]
        if outcome.failure == nil, let active = rules[rule.key] { outcome.decision.rule = active }
        return outcome
    }

    /// Removes every rule within `target`, also rules of the other mode, which block nothing. With
    /// the rule on an address goes that on the port which was decided together with it, and with
    /// the rule on a port those on the addresses. Their targets are not fenced automatically for a
    /// while.
    ///
    /// - Throws: `.noSuchFence` or `.partOf` if there is none.
    public mutating func release(
        _ target: QuarantineTarget, reason: String, now: Timestamp, actor: String
    ) throws(QuarantineError) -> [QuarantineOutcome] {
        let access = try open(isUrgent: false)
        defer { close(access) }
        let now = now + access.waited
        _ = try ledger.hasChangedElsewhere()
        let others = try reload(now: now)
        let named = Set(rules.values.lazy.filter { target.covers($0.target) }.map(\.id))
        let hit = rules.sorted.filter {
            target.covers($0.target)
                || ($0.target.isPort || target.isPort) && named.contains($0.id)
        }
        let dormant = others.filter { target.covers($0.target) }
        guard !hit.isEmpty || !dormant.isEmpty else {
            let wider = (rules.sorted + others).first { $0.target.covers(target) }?.target
            throw wider.map { .partOf(target, wider: $0) } ?? .noSuchFence(target)
        }
        try endDormant(dormant, reason: reason, now: now, actor: actor, access)
        return try remove(hit, reason: reason, now: now, actor: actor, access)
            + dormant.map { QuarantineOutcome(.release(of: $0, time: now, reason: reason)) }
    }

    /// Removes every rule of this mode.
    public mutating func flush(
        reason: String, now: Timestamp, actor: String
    ) throws(QuarantineError) -> [QuarantineOutcome] {
        let access = try open(isUrgent: false)
        defer { close(access) }
        let now = now + access.waited
        try catchUp(now: now)
        return try remove(rules.sorted, reason: reason, now: now, actor: actor, access)
    }

    /// Replaces the workloads and networks.
    ///
    /// Removes a rule of the policy on an address that belongs to another workload now, because the
    /// rule was meant for the previous holder, and the rule on the port that was decided together
    /// with it. Operators' rules stay.
    public mutating func follow(
        _ inventory: KnownInventory, now: Timestamp
    ) throws(QuarantineError) -> [QuarantineOutcome] {
        policy.inventory = inventory
        let moved = rules.sorted.compactMap { rule -> QuarantineDecision? in
            let holder: KnownWorkload? =
                switch rule.target {
                case .prefix(let prefix):
                    prefix.isHost ? inventory.workload(at: prefix.address) : nil
                case .link(let link): inventory.workload(at: link)
                // The rule on a port expires with its port: `withdraw`.
                case .port: nil
                }
            guard !rule.isByHand, rule.state != .removing, let before = rule.workload,
                let holder = holder?.name, holder != before, before != "\(rule.target)"
            else { return nil }
            return .release(
                of: rule, time: now, reason: "the address was \(before)'s and is \(holder)'s now")
        }
        let decided = Set(moved.map(\.rule.id))
        let ports = rules.sorted.filter {
            $0.target.isPort && !$0.isByHand && $0.state != .removing && decided.contains($0.id)
        }
        let outcomes = try perform(
            moved
                + ports.map {
                    .release(
                        of: $0, time: now, reason: "the addresses fenced with it have passed on")
                }, now: now)
        for outcome in outcomes where outcome.failure == nil {
            policy.recordWithdrawal(of: outcome.decision.rule)
        }
        return outcomes
    }
}

extension QuarantineEngine: Sendable where Actuator: Sendable, Actuator: ~Copyable {}
