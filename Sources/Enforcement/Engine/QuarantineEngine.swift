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
    /// Changes to the rules by other processes; the next `tick` or `reconcile` returns them.
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
        let expired = try expire(now: now) + followPorts(now: now)
        writePending(now: now)
        if try ledger.hasChangedElsewhere() { hasForeignWrites = true }
        guard hasForeignWrites else { return expired + takeForeign() }
        let report = try reconcile(
            now: now, cause: "the ledger was changed by another program", actor: "lazaret")
        return expired + report.outcomes
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
    /// - Parameter force: whether what is protected may be fenced too.
    /// - Throws: `.neverFenced` where nobody may have it fenced.
    /// - Returns: with the rule as it is now.
    public mutating func add(
        _ target: QuarantineTarget, action: QuarantineRule.Action, duration: Interval,
        reason: String,
        now: Timestamp, actor: String, force: Bool
    ) throws(QuarantineError) -> QuarantineOutcome {
        if let why = ProtectedSet.finalObjection(to: target) {
            throw .neverFenced(target, why: why)
        }
        let rule = QuarantineRule(
            id: "h" + String(now.nanoseconds / 1000, radix: 36), target: target, action: action,
            created: now,
            expires: now + duration, reason: reason)
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

    /// Removes every rule within `target`, those of the other mode included, which hold nothing
    /// back, and the rule on the port that was decided with one of them; their targets are left
    /// alone for a while.
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
            target.covers($0.target) || $0.target.isPort && named.contains($0.id)
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
    /// A rule of the policy on an address that is another workload's now is removed: it was meant
    /// for the last holder; with it goes the rule on the port that was decided with it. Rules by
    /// hand stay.
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
                // Its end is the port's: `withdraw`.
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

    // MARK: - Carrying decisions out

    /// Carries decisions out under the ledger's lock; refusals are only recorded.
    ///
    /// - Throws: `.ledger` before anything was done; errors of the kernel are part of the outcomes.
    mutating func perform(
        _ decisions: [QuarantineDecision], now: Timestamp, actor: String = "policy",
        force: Bool = false
    ) throws(QuarantineError) -> [QuarantineOutcome] {
        guard !decisions.isEmpty else { return [] }
        let isUrgent = decisions.contains {
            $0.kind == .add || $0.kind == .extend || $0.kind == .expire
        }
        let access = try open(isUrgent: isUrgent)
        defer { close(access) }
        let now = now + access.waited
        if access.obstacle == nil { try catchUp(now: now) }
        // Another process may have ended a rule, or changed its expiry.
        let due = decisions.filter {
            $0.kind != .expire || rules[$0.rule.key].map { $0.expires <= now } ?? false
        }
        let gone = try portsGone(due)
        return try carryOut(
            due.filter { !gone.contains($0.target) }, access,
            by: Actor(actor, isForcing: force), now: now, isUrgent: isUrgent)
            + due.filter { gone.contains($0.target) }.map {
                var outcome = QuarantineOutcome($0)
                if case .port(let name) = $0.target { outcome.failure = .noSuchPort(name) }
                return outcome
            }
    }

    private mutating func remove(
        _ rules: [QuarantineRule], reason: String, now: Timestamp, actor: String,
        _ access: LedgerAccess
    ) throws(QuarantineError) -> [QuarantineOutcome] {
        let outcomes = try carryOut(
            rules.map { .release(of: $0, time: now, reason: reason) }, access, by: Actor(actor),
            now: now, isUrgent: false)
        for outcome in outcomes where outcome.failure == nil {
            policy.recordRelease(of: outcome.decision.rule, time: now)
        }
        return outcomes
    }

    /// The author of a decision.
    private struct Actor {
        var name: String
        /// Whether the protected set is overridden.
        var isForcing: Bool

        init(_ name: String, isForcing: Bool = false) {
            self.name = name
            self.isForcing = isForcing
        }
    }

    /// The changes of one call: rules for the ledger, and changes of the kernel.
    private struct Step {
        var rules: [QuarantineRule.Key: QuarantineRule] = [:]
        /// The rules that they replace.
        var replaced: [QuarantineRule.Key: QuarantineRule] = [:]
        var entries: [AuditEntry] = []
        /// The kernel's changes, each with the index of its decision.
        var changes: [(index: Int, change: FirewallChange)] = []
        /// The error because of which the tables had to be rebuilt.
        var rebuilt: QuarantineError?
    }

    /// - Returns: the outcomes in the order of `decisions`.
    private mutating func carryOut(
        _ decisions: [QuarantineDecision], _ access: LedgerAccess, by actor: Actor, now: Timestamp,
        isUrgent: Bool
    ) throws(QuarantineError) -> [QuarantineOutcome] {
        var outcomes = decisions.map { QuarantineOutcome($0) }
        var step = Step()
        for (index, decision) in decisions.enumerated() {
            stage(decision, index, by: actor, now: now, &step)
        }
        try record(Array(step.rules.values), step.entries, isUrgent: isUrgent, access)
        for (_, rule) in step.rules { rules.update(rule) }
        let failures = act(&step, now: now)
        for (index, failure) in failures { outcomes[index].failure = failure }
        for outcome in outcomes where outcome.failure == nil { policy.record(outcome.decision) }
        try settle(step, failures, by: actor, now: now, access)
        if step.rules.keys.contains(where: { rules[$0] == nil }) { forgetCounts() }
        return outcomes
    }

    private func stage(
        _ decision: QuarantineDecision, _ index: Int, by actor: Actor, now: Timestamp,
        _ step: inout Step
    ) {
        let key = decision.rule.key
        let known = step.rules[key] ?? rules[key]
        var detail = decision.reason
        switch decision.kind {
        case .add, .extend:
            let rule = staged(decision.rule, over: known, by: actor)
            step.rules[key] = rule
            step.replaced[key] = rules[key]
            step.changes.append((index, .put(rule)))
            detail += "; until \(rule.expires.nanoseconds); \(rule.action.rawValue); \(rule.id)"
            if actor.isForcing { detail += "; forced" }
        case .release:
            guard var rule = known else { return }
            rule.state = .removing
            rule.ending = "released: \(decision.reason)"
            step.rules[key] = rule
            step.changes.append((index, .remove(key)))
        case .expire:
            // The kernel has already removed it.
            guard let rule = known else { return }
            step.rules[key] = rule.ended("time over")
            step.entries.append(entry("expire", decision, "time over; \(rule.id)", actor, now))
            return
        case .refuse(let why): detail = "\(why); \(decision.reason)"
        }
        if !decision.rule.eventID.isEmpty { detail += "; event \(decision.rule.eventID)" }
        if !decision.rule.features.isEmpty { detail += "; \(decision.rule.features)" }
        step.entries.append(entry("\(decision.kind)", decision, detail, actor, now))
    }

    private func entry(
        _ action: String, _ decision: QuarantineDecision, _ detail: String, _ actor: Actor,
        _ now: Timestamp
    ) -> AuditEntry {
        AuditEntry(
            time: now, actor: actor.name, action: (actuator.isDryRun ? "dry-run " : "") + action,
            subject: "\(decision.target)", detail: detail)
    }

    /// The rule that replaces `known`, with the later expiry.
    private func staged(
        _ decided: QuarantineRule, over known: QuarantineRule?, by actor: Actor
    ) -> QuarantineRule {
        var rule = decided
        rule.state = .pending
        rule.origin = actor.name
        rule.isForced = actor.isForcing
        rule.isDryRun = actuator.isDryRun
        guard let known, known.state != .ended else { return rule }
        rule.id = known.id
        rule.created = known.created
        rule.expires = max(known.expires, rule.expires)
        // An operator's rule over one of the policy can still be extended by the policy.
        rule.level = max(known.level, rule.level)
        rule.packets = known.packets
        rule.bytes = known.bytes
        rule.isForced = known.isForced || actor.isForcing
        return rule
    }

    /// Changes the kernel in one transaction, without the changes that a safety limit forbids.
    private mutating func act(_ step: inout Step, now: Timestamp) -> [Int: QuarantineError] {
        var failures: [Int: QuarantineError] = [:]
        var changes = step.changes
        while !changes.isEmpty {
            do throws(QuarantineError) {
                try actuator.apply(
                    changes.map(\.change), protecting: policy.protected, now: now)
                return failures
            } catch .protected(let target, let why) {
                for (index, change) in changes where change.key.target == target {
                    failures[index] = .protected(target, why: why)
                }
                changes.removeAll { $0.change.key.target == target }
            } catch {
                // Another program has changed the sets: rebuild them from the ledger.
                step.rebuilt = error
                let failed = Set(
                    step.changes.filter { failures[$0.index] != nil }.map(\.change.key.target))
                let wanted = rules.values.filter {
                    $0.state != .removing && $0.expires > now && !failed.contains($0.target)
                }
                do throws(QuarantineError) {
                    try actuator.rebuild(wanted, protecting: policy.protected, now: now)
                } catch {
                    for (index, _) in changes { failures[index] = error }
                }
                return failures
            }
        }
        return failures
    }

    /// Records the kernel's result.
    private mutating func settle(
        _ step: Step, _ failures: [Int: QuarantineError], by actor: Actor, now: Timestamp,
        _ access: LedgerAccess
    ) throws(QuarantineError) {
        var settled: [QuarantineRule] = []
        var entries: [AuditEntry] = []
        func note(_ action: String, _ subject: String, _ error: QuarantineError) {
            entries.append(
                AuditEntry(
                    time: now, actor: actor.name, action: action, subject: subject,
                    detail: "\(error)"))
        }
        if let cause = step.rebuilt { note("rebuild", "tables", cause) }
        for (index, change) in step.changes {
            guard var rule = step.rules[change.key] else { continue }
            if let failure = failures[index] {
                note("fail", "\(rule.target)", failure)
                // A rule that could not be removed stays `.removing` and is retried.
                guard rule.state != .removing else { continue }
                // The kernel still has the rule that was to be replaced.
                rule = step.replaced[change.key] ?? rule.ended("failed: \(failure)")
            } else {
                rule.state = rule.state == .removing ? .ended : .active
            }
            settled.append(rule)
        }
        // The kernel has changed, so this write must not be lost.
        try record(settled, entries, isUrgent: true, access)
        for rule in settled { rules.update(rule) }
    }

    /// Ends rules of the other mode, which are not in the kernel.
    private mutating func endDormant(
        _ rules: [QuarantineRule], reason: String, now: Timestamp, actor: String,
        _ access: LedgerAccess
    ) throws(QuarantineError) {
        guard !rules.isEmpty else { return }
        let entries = rules.map { rule in
            AuditEntry(
                time: now, actor: actor, action: (rule.isDryRun ? "dry-run " : "") + "release",
                subject: "\(rule.target)", detail: reason)
        }
        try record(
            rules.map { $0.ended("released: \(reason)") }, entries, isUrgent: false, access)
    }

    /// Forgets the counters of hosts whose rule has ended, so that their next rule counts from
    /// zero.
    ///
    /// No active rule is affected, so an error is not reported; the next call tries again.
    mutating func forgetCounts() {
        guard !actuator.isDryRun else { return }
        let rules = rules
        try? actuator.forgetCounts { rules[$0] != nil }
    }
}

extension QuarantineEngine: Sendable where Actuator: Sendable, Actuator: ~Copyable {}
