internal import NetworkAddresses
public import Quarantine
public import Timestamps

extension QuarantineEngine where Actuator: ~Copyable {
    /// Expiries that differ by more than this are corrected; smaller differences come from the
    /// kernel's clock and from rounding.
    private static var tolerance: Interval { .seconds(2) }

    /// Reconciles ledger and kernel: at start, and after another program has changed either.
    ///
    /// The ledger is authoritative. Further elements in the kernel are added to the ledger if they
    /// expire, and removed if they do not.
    ///
    /// - Parameters:
    ///   - cause: for the audit trail.
    ///   - rebuilds: whether the tables are built again, although they are intact: the options have
    ///     changed.
    public mutating func reconcile(
        now: Timestamp, cause: String, actor: String = "policy", rebuilds: Bool = false
    ) throws(QuarantineError) -> ReconciliationReport {
        let access = try open(isUrgent: true)
        defer { close(access) }
        let now = now + access.waited
        let before = rules
        let others = try replaceRules()
        var report = ReconciliationReport()
        var written: [QuarantineRule] = []
        endDue(now: now, &report, &written)
        do throws(QuarantineError) {
            if !actuator.isDryRun {
                try compareWithKernel(now: now, rebuilds: rebuilds, &report, &written)
            }
        } catch {
            foreign += noteChanges(since: before, now: now)
            throw error
        }
        for var rule in rules.values where rule.state == .pending {
            rule.state = .active
            written.append(rule)
            rules.update(rule)
        }
        for index in written.indices {
            if let fresh = rules[written[index].key] { written[index] = fresh }
        }
        // Expired rules of the other mode are ended here, since no other process does it.
        let overdue = others.filter { $0.expires <= now }
        report.expired += overdue
        written += overdue.map { $0.ended("time over") }
        if !hasStarted {
            foreign += report.expired.map { QuarantineOutcome(.expiry(of: $0)) }
        } else {
            foreign += noteChanges(
                since: before, now: now, excluding: Set(report.restored.map(\.key)))
            foreign += report.restored.map {
                QuarantineOutcome(
                    QuarantineDecision(.add, $0, time: now, reason: "put back: \(cause)"),
                    isRestored: true)
            }
        }
        hasStarted = true
        try record(
            written, entries(report, now: now, cause: cause, actor: actor), isUrgent: true, access)
        hasForeignWrites = false
        forgetCounts()
        report.outcomes = takeForeign()
        return report
    }

    private mutating func compareWithKernel(
        now: Timestamp, rebuilds: Bool, _ report: inout ReconciliationReport,
        _ written: inout [QuarantineRule]
    ) throws(QuarantineError) {
        let isIntact = try actuator.isIntact()
        let elements = try actuator.elements()
        let missing = try compare(elements, now: now, &report, &written)
        // There are no rules and no elements: the first rule will create the tables.
        let isIdle = rules.isEmpty && elements.isEmpty && written.isEmpty
        if isIntact || !isIdle {
            try settleKernel(
                elements, isIntact: isIntact && !rebuilds, isMissing: !missing.isEmpty, now: now,
                &report, &written)
        }
        let known = Set(report.restored.map(\.key))
        report.restored += missing.filter { !known.contains($0) }.sorted().compactMap { rules[$0] }
    }

    /// Keeps the kernel's elements if they are correct, and rebuilds them if not.
    private mutating func settleKernel(
        _ elements: [FirewallElement], isIntact: Bool, isMissing: Bool, now: Timestamp,
        _ report: inout ReconciliationReport, _ written: inout [QuarantineRule]
    ) throws(QuarantineError) {
        if isIntact, !isMissing, report.restored.isEmpty, report.removed.isEmpty,
            report.ended.isEmpty
        {
            do {
                try actuator.adopt(Array(rules.values), now: now)
                return
            } catch .kernel {
                // The sets have other properties, for instance another limit, and have to be
                // rebuilt.
            } catch { throw error }
        }
        keepCounts(elements, &written)
        report.wasRebuilt = !isIntact
        try rebuild(now: now, &report, &written)
    }

    /// Ends expired rules, and those whose release was interrupted.
    private mutating func endDue(
        now: Timestamp, _ report: inout ReconciliationReport, _ written: inout [QuarantineRule]
    ) {
        let due = rules.values.filter { $0.state == .removing || $0.expires <= now }
        for rule in due.sorted(by: { $0.key < $1.key }) {
            let isRelease = rule.state == .removing
            let ended = rule.ended(
                !isRelease ? "time over" : rule.ending.isEmpty ? "released" : rule.ending)
            rules.update(ended)
            // The kernel has already removed expired rules.
            if isRelease { report.ended.append(ended) } else { report.expired.append(rule) }
            written.append(ended)
        }
    }

    /// Compares the kernel's elements with the expected ones.
    ///
    /// - Returns: the rules that the kernel lacks, or has with another expiry.
    private mutating func compare(
        _ elements: [FirewallElement], now: Timestamp, _ report: inout ReconciliationReport,
        _ written: inout [QuarantineRule]
    ) throws(QuarantineError) -> [QuarantineRule.Key] {
        if elements.isEmpty { return Array(rules.keys) }
        var wanted = actuator.expected(Array(rules.values), now: now)
        // An element may be left from a rule that ends in this reconciliation, or from a network
        // that is now split differently.
        let over = RuleIndex(written.map { ($0.key, ()) })
        let ports = elements.contains { $0.target.isPort } ? try actuator.portInstances() : [:]
        var active = RuleIndex(rules.keys.lazy.filter { !$0.target.isSingle }.map { ($0, ()) })
        for element in elements {
            let key = element.key
            let ends = element.remaining.map { now + $0 }
            if let expires = wanted[key] {
                let gap = (ends ?? .distantFuture) - expires
                let isOnTime = gap.magnitude <= Self.tolerance
                if isOnTime, element.isComplete || expires - now <= Self.tolerance {
                    wanted[key] = nil
                }
            } else if let ends, !over.overlaps(key), !active.overlaps(key) {
                guard ends > now + Self.tolerance else { continue }
                var rule = QuarantineRule(
                    id: "found-" + String(now.nanoseconds / 1000, radix: 36),
                    target: element.target,
                    action: element.action, state: .active, created: now, expires: ends,
                    reason: "found in the kernel, not in the ledger", origin: "reconcile")
                // The ledger was lost: the rule stays with the interface that has the name now.
                if case .port(let name) = element.target { rule.portInstance = ports[name] }
                rules.update(rule)
                written.append(rule)
                report.adopted.append(rule)
                if !element.target.isSingle { active.insert(key, ()) }
                // An element that is missing from one of its tables is completed.
                if !element.isComplete { report.restored.append(rule) }
            } else {
                report.removed.append(element.target)
            }
        }
        if wanted.isEmpty { return [] }
        let missing = RuleIndex(wanted.keys.map { ($0, ()) })
        return rules.keys.filter { missing.overlaps($0) }
    }

    /// Rebuilds the tables. A rule that a newer safety limit forbids is ended and reported.
    private mutating func rebuild(
        now: Timestamp, _ report: inout ReconciliationReport, _ written: inout [QuarantineRule]
    ) throws(QuarantineError) {
        while true {
            do {
                try actuator.rebuild(
                    Array(rules.values), protecting: policy.protected, now: now)
                return
            } catch .protected(let target, let why) {
                for rule in rules.rules(on: target) {
                    let ended = rule.ended("protected: \(why)")
                    rules.update(ended)
                    written.append(ended)
                    report.ended.append(ended)
                }
            } catch { throw error }
        }
    }

    /// Adds the kernel's counters to the rules, because a rebuild resets them.
    private mutating func keepCounts(
        _ elements: [FirewallElement], _ written: inout [QuarantineRule]
    ) {
        let counted = RuleIndex(elements.lazy.filter { $0.packets > 0 }.map { ($0.key, $0) })
        guard elements.contains(where: { $0.packets > 0 }) else { return }
        for var rule in rules.sorted {
            let (packets, bytes) = Self.counts(of: rule, counted)
            guard packets > 0 else { continue }
            rule.packets &+= packets
            rule.bytes &+= bytes
            rules.update(rule)
            written.append(rule)
        }
    }

    /// The kernel's counters of a rule, summed over the pieces of a network.
    private static func counts(
        of rule: QuarantineRule, _ elements: RuleIndex<FirewallElement>
    ) -> (UInt64, UInt64) {
        let mine = elements.covered(by: rule.key)
        return (mine.reduce(0) { $0 &+ $1.packets }, mine.reduce(0) { $0 &+ $1.bytes })
    }

    private func entries(
        _ report: ReconciliationReport, now: Timestamp, cause: String, actor: String
    ) -> [AuditEntry] {
        func entry(_ action: String, _ subject: String, _ detail: String) -> AuditEntry {
            AuditEntry(time: now, actor: actor, action: action, subject: subject, detail: detail)
        }
        var entries: [AuditEntry] = []
        if report.wasRebuilt { entries.append(entry("rebuild", "tables", cause)) }
        entries += report.restored.map { entry("restore", "\($0.target)", cause) }
        entries += report.ended.map { entry("end", "\($0.target)", "\($0.ending); \(cause)") }
        entries += report.expired.map {
            entry("expire", "\($0.target)", "time over; \($0.id); \(cause)")
        }
        entries += report.adopted.map { entry("adopt", "\($0.target)", "\($0.reason); \(cause)") }
        entries += report.removed.map {
            entry("remove", "\($0)", "in the kernel, not in the ledger; \(cause)")
        }
        return entries
    }

    /// The rules that have not expired, with their counters, and the unknown elements of the
    /// kernel.
    public mutating func list(now: Timestamp) throws(QuarantineError) -> RuleListing {
        let stored = try ledger.openRules()
        let isDryRun = actuator.isDryRun
        var mine = ActiveRules(stored.filter { $0.isDryRun == isDryRun })
        var pending = pendingWrites
        pending.overlay(&mine)
        let elements = isDryRun ? [] : try actuator.elements()
        let held = RuleIndex(elements.map { ($0.key, $0) })
        let known = RuleIndex(mine.keys.map { ($0, ()) })
        let all = Array(mine.values) + stored.filter { $0.isDryRun != isDryRun }
        return RuleListing(
            rules: all.filter { $0.expires > now }.sorted { $0.key < $1.key }.map { rule in
                let isMine = rule.isDryRun == isDryRun
                let (packets, bytes) = isMine ? Self.counts(of: rule, held) : (0, 0)
                return RuleStatus(
                    rule: rule, remaining: max(.zero, rule.expires - now),
                    packets: rule.packets &+ packets, bytes: rule.bytes &+ bytes,
                    isInForce: isMine && held.overlaps(rule.key))
            },
            unknown: elements.filter { !known.overlaps($0.key) })
    }
}
