internal import NetworkAddresses
internal import Quarantine
internal import TextFormats
internal import Timestamps

/// Applies decisions: first to the ledger, then to the kernel, then the outcome to the ledger.
extension QuarantineEngine where Actuator: ~Copyable {
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

    mutating func remove(
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
    struct Actor {
        var name: String
        /// Whether the protected set is overridden.
        var isForcing: Bool

        init(_ name: String, isForcing: Bool = false) {
            self.name = name
            self.isForcing = isForcing
        }
    }

    /// The changes of one call: rules for the ledger, and changes of the kernel.
    struct Step {
        var rules: [QuarantineRule.Key: QuarantineRule] = [:]
        /// The rules that they replace.
        var replaced: [QuarantineRule.Key: QuarantineRule] = [:]
        var entries: [AuditEntry] = []
        /// The kernel's changes, each with the index of its decision.
        var changes: [(index: Int, change: FirewallChange)] = []
        /// The error because of which the tables had to be rebuilt.
        var rebuilt: QuarantineError?
        /// Why entries of connection tracking were not deleted.
        var kept: QuarantineError?
    }

    /// - Returns: the outcomes in the order of `decisions`.
    mutating func carryOut(
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

    func stage(
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
            rule.ending = Self.released(at: now, by: actor.name, decision.reason)
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
        step.entries.append(entry(decision.word, decision, detail, actor, now))
    }

    /// Why a rule is over: "released at 2026-11-21 01:14:02 UTC by root: false alarm".
    private static func released(at now: Timestamp, by actor: String, _ reason: String) -> String {
        "released at \(UTC.moment(now)) by \(actor): \(reason)"
    }

    func entry(
        _ action: String, _ decision: QuarantineDecision, _ detail: String, _ actor: Actor,
        _ now: Timestamp
    ) -> AuditEntry {
        AuditEntry(
            time: now, actor: actor.name, action: (actuator.isDryRun ? "dry-run " : "") + action,
            subject: "\(decision.target)", detail: detail)
    }

    /// The rule that replaces `known`, with the later expiry.
    func staged(
        _ decided: QuarantineRule, over known: QuarantineRule?, by actor: Actor
    ) -> QuarantineRule {
        var rule = decided
        rule.state = .pending
        if !decided.isAdopted { rule.origin = actor.name }
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
    mutating func act(_ step: inout Step, now: Timestamp) -> [Int: QuarantineError] {
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
            } catch .connectionsKept(let why) {
                step.kept = .connectionsKept(why: why)
                return failures
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
    mutating func settle(
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
        if let cause = step.kept { note("flush", "connections", cause) }
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
    mutating func endDormant(
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
            rules.map { $0.ended(Self.released(at: now, by: actor, reason)) }, entries,
            isUrgent: false, access)
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
