internal import Quarantine
internal import Timestamps

/// How the ledger can be used during one call.
struct LedgerAccess {
    /// How long the lock took: by so much a time that was read before is older.
    var waited = Interval.zero
    /// Why the ledger cannot be written now; nil when it can.
    var obstacle: QuarantineError?
}

extension QuarantineEngine where Actuator: ~Copyable {
    private static var patience: Interval { .seconds(2) }

    /// Takes the ledger's lock. If another process holds it, what is urgent is done all the same
    /// and recorded later.
    mutating func open(isUrgent: Bool) throws(QuarantineError) -> LedgerAccess {
        do { return LedgerAccess(waited: try ledger.lock()) } catch {
            guard isUrgent, defersWrites else { throw error }
            return LedgerAccess(obstacle: error)
        }
    }

    mutating func close(_ access: LedgerAccess) {
        if access.obstacle == nil { ledger.unlock() }
    }

    /// Writes to the ledger, with what is pending; what is urgent and cannot be written is pending
    /// too.
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

    /// Writes what is pending, if that is possible; tried every two seconds.
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

    /// Takes over what other processes have written, if they have.
    mutating func catchUp(now: Timestamp) throws(QuarantineError) {
        if try ledger.hasChangedElsewhere() { try reload(now: now) }
    }

    /// Takes over the ledger's rules; the next `tick` or `reconcile` returns what that changed, and
    /// `tick` compares the kernel with them.
    ///
    /// - Returns: rules of the other mode, enforcing or dry run.
    @discardableResult
    mutating func reload(now: Timestamp) throws(QuarantineError) -> [QuarantineRule] {
        let before = rules
        let others = try replaceRules()
        hasForeignWrites = true
        foreign += noteChanges(since: before, now: now)
        return others
    }

    /// Replaces the rules by the ledger's, with what is pending.
    ///
    /// - Returns: rules of the other mode.
    mutating func replaceRules() throws(QuarantineError) -> [QuarantineRule] {
        let stored = try ledger.openRules()
        let isDryRun = actuator.isDryRun
        rules = ActiveRules(stored.filter { $0.isDryRun == isDryRun })
        pendingWrites.overlay(&rules)
        return stored.filter { $0.isDryRun != isDryRun }
    }

    /// What other processes did to the rules.
    mutating func takeForeign() -> [QuarantineOutcome] {
        defer { foreign = [] }
        return foreign
    }

    /// What has changed since the rules were `before`: what is missing, then what is new or lasts
    /// longer. The policy takes it in.
    ///
    /// What is missing was removed by a person, unless its time is over.
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
