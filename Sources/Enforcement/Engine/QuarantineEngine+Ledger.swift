internal import Quarantine
internal import Timestamps

/// The state of the ledger during one call.
struct LedgerAccess {
    /// How long the lock took, to correct a time that was read before.
    var waited = Interval.zero
    /// Why the ledger cannot be written now; nil if it can.
    var obstacle: QuarantineError?
}

extension QuarantineEngine where Actuator: ~Copyable {
    private static var patience: Interval { .seconds(2) }

    /// Acquires the ledger's lock. If another process holds it, urgent changes are applied
    /// nevertheless and recorded later.
    mutating func open(isUrgent: Bool) throws(QuarantineError) -> LedgerAccess {
        do { return LedgerAccess(waited: try ledger.lock()) } catch {
            guard isUrgent, defersWrites else { throw error }
            return LedgerAccess(obstacle: error)
        }
    }

    mutating func close(_ access: LedgerAccess) {
        if access.obstacle == nil { ledger.unlock() }
    }

    /// Writes to the ledger, including the pending entries; urgent entries that cannot be written
    /// become pending.
    mutating func record(
        _ rules: [QuarantineRule], _ entries: [AuditEntry], notes: [String: String] = [:],
        isUrgent: Bool, _ access: LedgerAccess
    ) throws(QuarantineError) {
        do throws(QuarantineError) {
            if let obstacle = access.obstacle { throw obstacle }
            if pendingWrites.isEmpty {
                try ledger.write(rules, entries, notes: notes)
            } else {
                var all = pendingWrites
                all.add(rules, entries, notes: notes, cause: .ledger(""))
                try ledger.write(all.rules, all.entries, notes: all.notes)
                pendingWrites = PendingWrites()
            }
        } catch {
            guard isUrgent, defersWrites, !actuator.isDryRun, !pendingWrites.isFull else {
                throw error
            }
            pendingWrites.add(rules, entries, notes: notes, cause: error)
        }
    }

    /// Tries to write the pending entries, at most every two seconds.
    mutating func writePending(now: Timestamp) {
        guard !pendingWrites.isEmpty,
            pendingWrites.retryAt.map({ Clock.monotonic() >= $0 }) ?? true,
            let access = try? open(isUrgent: false)
        else { return }
        defer { close(access) }
        do throws(QuarantineError) {
            try catchUp(now: now)
            try ledger.write(
                pendingWrites.rules, pendingWrites.entries, notes: pendingWrites.notes)
            pendingWrites = PendingWrites()
        } catch {
            pendingWrites.add([], [], cause: error)
            pendingWrites.retryAt = Clock.monotonic() + Self.patience
        }
    }

    /// Reloads the rules if other processes have written to the ledger.
    mutating func catchUp(now: Timestamp) throws(QuarantineError) {
        if try ledger.hasChangedElsewhere() { try reload(now: now) }
    }

    /// Replaces the rules by the ledger's. The next `tick` or `reconcile` returns the changes, and
    /// `tick` compares the kernel with the rules.
    ///
    /// - Returns: the rules of the other mode, enforcing or dry run.
    @discardableResult
    mutating func reload(now: Timestamp) throws(QuarantineError) -> [QuarantineRule] {
        let before = rules
        let others = try replaceRules()
        hasForeignWrites = true
        foreign += noteChanges(since: before, now: now)
        return others
    }

    /// Replaces the rules by the ledger's, with the pending ones applied.
    ///
    /// - Returns: the rules of the other mode.
    mutating func replaceRules() throws(QuarantineError) -> [QuarantineRule] {
        let stored = try ledger.openRules()
        let isDryRun = actuator.isDryRun
        rules = ActiveRules(stored.filter { $0.isDryRun == isDryRun })
        pendingWrites.overlay(&rules)
        return stored.filter { $0.isDryRun != isDryRun }
    }

    /// The changes to the rules by other processes; removes them from the list.
    mutating func takeForeign() -> [QuarantineOutcome] {
        defer { foreign = [] }
        return foreign
    }

    /// The changes since the rules were `before`: missing rules, then new or extended ones. They
    /// are also recorded in the policy.
    ///
    /// A missing rule was removed by an operator, unless it has expired.
    ///
    /// - Parameter restored: rules that are not reported as new.
    mutating func noteChanges(
        since before: ActiveRules, now: Timestamp,
        excluding restored: Set<QuarantineRule.Key> = []
    ) -> [QuarantineOutcome] {
        var decisions: [QuarantineDecision] = []
        let gone = before.values.filter { $0.state != .removing && rules[$0.key] == nil }
        for rule in gone.sorted(by: { $0.key < $1.key }) {
            if rule.expires <= now {
                decisions.append(.expiry(of: rule))
                policy.record(.expiry(of: rule))
            } else {
                decisions.append(
                    .release(of: rule, time: now, reason: QuarantinePolicy.releasedByHand))
                policy.recordRelease(of: rule, time: now)
            }
        }
        let changed = rules.values.filter { rule in
            before[rule.key].map { $0.expires < rule.expires } ?? true
        }
        for rule in changed.sorted(by: { $0.key < $1.key }) {
            let known = before[rule.key]
            let decision = QuarantineDecision(known == nil ? .add : .extend, rule, time: now)
            policy.record(decision)
            if !restored.contains(rule.key) { decisions.append(decision) }
        }
        return decisions.map { QuarantineOutcome($0) }
    }
}
