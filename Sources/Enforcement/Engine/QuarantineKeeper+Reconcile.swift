internal import NetworkAddresses
public import Quarantine
internal import Timestamps

extension QuarantineKeeper where Actuator: ~Copyable {
    /// What a reconciliation found and put right.
    public struct Report: Sendable, Equatable {
        /// Fences of the ledger that the kernel lacked, or held with another end: put right.
        public var restored: [FenceRow] = []
        /// Fences whose time was over or whose release had been cut short.
        public var ended: [FenceRow] = []
        /// Elements that no row spoke of: written down.
        public var adopted: [FenceRow] = []
        /// Elements without an end that no row spoke of, and remnants of fences that are over or
        /// laid out otherwise: removed.
        public var removed: [FenceTarget] = []
        /// Whether tables, chains or rules had to be made anew.
        public var wasRebuilt = false

        /// Whether ledger and kernel agreed.
        public var isClean: Bool {
            restored.isEmpty && ended.isEmpty && adopted.isEmpty && removed.isEmpty && !wasRebuilt
        }
    }

    /// Ends further apart than this are put right; less is the kernel's clock and rounding.
    private static var tolerance: Int64 { 2_000_000_000 }

    /// Makes ledger and kernel agree: at start, after somebody else touched the tables, and now and
    /// then.
    ///
    /// The ledger is right about what should stand. What the kernel holds beyond that is written
    /// down if it ends by itself, and removed if it does not.
    ///
    /// - Parameters:
    ///   - now: nanoseconds since 1970.
    ///   - cause: for the audit trail.
    public mutating func reconcile(
        now: Int64, cause: String, actor: String = "policy"
    ) throws(QuarantineError) -> Report {
        let now = now + (try lock(isUrgent: true))
        defer { unlock() }
        let others = try reload()
        var report = Report()
        var written: [FenceRow] = []
        endRows(now: now, &report, &written)
        if !actuator.isDryRun {
            let isIntact = try actuator.isIntact()
            let held = try actuator.held()
            let missing = try compare(held, now: now, &report, &written)
            // Nothing to hold and nothing held: the first fence will bring the tables.
            let isIdle = rows.isEmpty && held.isEmpty && written.isEmpty
            if isIntact || !isIdle {
                try settleKernel(
                    held, isIntact: isIntact, isMissing: !missing.isEmpty, now: now, &report,
                    &written)
            }
            let told = Set(report.restored.map(\.key))
            report.restored += missing.filter { !told.contains($0) }
                .sorted { ($0.target, $0.response) < ($1.target, $1.response) }
                .compactMap { rows[$0] }
        }
        for row in rows.values where row.state == .intended {
            var standing = row
            standing.state = .standing
            written.append(standing)
            remember(standing)
        }
        for index in written.indices {
            if let fresh = rows[written[index].key] { written[index] = fresh }
        }
        written += Self.ended(others, now: now)
        try record(
            written, notes(report, now: now, cause: cause, actor: actor), isUrgent: true)
        forgetCounts()
        return report
    }

    /// Leaves the kernel's elements alone when they are right, and makes them anew when not.
    private mutating func settleKernel(
        _ held: [HeldElement], isIntact: Bool, isMissing: Bool, now: Int64,
        _ report: inout Report, _ written: inout [FenceRow]
    ) throws(QuarantineError) {
        if isIntact, !isMissing, report.restored.isEmpty, report.removed.isEmpty,
            report.ended.isEmpty
        {
            do {
                try actuator.adopt(rows.values.map(\.claim), now: now)
                return
            } catch .kernel {
                // Sets of another make, for instance another limit: only anew they fit.
            } catch { throw error }
        }
        keepCounts(held, &written)
        report.wasRebuilt = !isIntact
        try rebuild(now: now, &report, &written)
    }

    /// Rows whose time is over, and releases that were cut short.
    private mutating func endRows(
        now: Int64, _ report: inout Report, _ written: inout [FenceRow]
    ) {
        let due = rows.values.filter { $0.state == .releasing || $0.until <= now }
        for row in due.sorted(by: { ($0.target, $0.response) < ($1.target, $1.response) }) {
            var ended = row
            if row.state == .releasing {
                ended.ending = row.ending.isEmpty ? "released" : row.ending
            } else {
                ended.ending = "time over"
            }
            ended.state = .ended
            remember(ended)
            // Time that is over needs nothing done in the kernel.
            if row.state == .releasing { report.ended.append(ended) }
            written.append(ended)
        }
    }

    /// Rows of the other mode whose time is over: nobody else is there to end them.
    private static func ended(_ others: [FenceRow], now: Int64) -> [FenceRow] {
        others.filter { $0.until <= now }.map { row in
            var ended = row
            ended.state = .ended
            ended.ending = "time over"
            return ended
        }
    }

    /// Compares what the kernel holds with what it should hold.
    ///
    /// - Returns: the fences that the kernel lacks, or holds with another end.
    private mutating func compare(
        _ held: [HeldElement], now: Int64, _ report: inout Report, _ written: inout [FenceRow]
    ) throws(QuarantineError) -> [Key] {
        if held.isEmpty { return Array(rows.keys) }
        let expected = actuator.expected(rows.values.map(\.claim), now: now)
        var wanted = Dictionary(
            expected.map { ($0.key, $0.until) }, uniquingKeysWith: { max($0, $1) })
        // An element may be left over from a fence that ends in this very reconciliation, or from
        // a network that is laid out otherwise by now.
        let over = FenceIndex(written.map { ($0.key, ()) })
        var standing = FenceIndex(rows.keys.lazy.filter { !$0.target.isSingle }.map { ($0, ()) })
        for element in held {
            let key = element.key
            // Somebody else's element may last longer than nanoseconds can tell.
            let ends = element.remainingMilliseconds.map {
                now.addingClamping($0.multipliedClamping(by: 1_000_000))
            }
            if let until = wanted[key] {
                let gap = (ends ?? .max).subtractingReportingOverflow(until)
                let isOnTime = !gap.overflow && abs(gap.partialValue) <= Self.tolerance
                if isOnTime, element.isComplete || until - now <= Self.tolerance {
                    wanted[key] = nil
                }
            } else if let ends, !over.overlaps(key), !standing.overlaps(key) {
                guard ends > now + Self.tolerance else { continue }
                let row = FenceRow(
                    id: "found-" + String(now / 1000, radix: 36), target: element.target,
                    response: element.response, state: .standing, created: now, until: ends,
                    reason: "found in the kernel, not in the ledger", actor: "reconcile")
                remember(row)
                written.append(row)
                report.adopted.append(row)
                if !element.target.isSingle { standing.insert(key, ()) }
                // Half an element, or an element of the wrong table, is made whole.
                if !element.isComplete { report.restored.append(row) }
            } else {
                report.removed.append(element.target)
            }
        }
        if wanted.isEmpty { return [] }
        let missing = FenceIndex(wanted.keys.map { ($0, ()) })
        return rows.keys.filter { missing.overlaps($0) }
    }

    /// A rail may have come since; what it forbids is taken down and told.
    private mutating func rebuild(
        now: Int64, _ report: inout Report, _ written: inout [FenceRow]
    ) throws(QuarantineError) {
        while true {
            do {
                try actuator.rebuild(rows.values.map(\.claim), now: now)
                return
            } catch .protected(let target, let why) {
                for row in openRows where row.target == target {
                    var ended = row
                    ended.state = .ended
                    ended.ending = "protected: \(why)"
                    remember(ended)
                    written.append(ended)
                    report.ended.append(ended)
                }
            } catch { throw error }
        }
    }

    /// The kernel's counters start anew after a rebuild: what they said is kept in the rows.
    private mutating func keepCounts(_ held: [HeldElement], _ written: inout [FenceRow]) {
        let counted = FenceIndex(held.lazy.filter { $0.packets > 0 }.map { ($0.key, $0) })
        guard held.contains(where: { $0.packets > 0 }) else { return }
        for var row in openRows {
            let (packets, bytes) = Self.counts(of: row, counted)
            guard packets > 0 else { continue }
            row.packets &+= packets
            row.bytes &+= bytes
            remember(row)
            written.append(row)
        }
    }

    /// What the kernel counted for a fence; a network's pieces are added up.
    private static func counts(
        of row: FenceRow, _ held: FenceIndex<HeldElement>
    ) -> (UInt64, UInt64) {
        let mine = held.covered(by: row.key)
        return (mine.reduce(0) { $0 &+ $1.packets }, mine.reduce(0) { $0 &+ $1.bytes })
    }

    private func notes(
        _ report: Report, now: Int64, cause: String, actor: String
    ) -> [AuditNote] {
        func note(_ action: String, _ subject: String, _ detail: String) -> AuditNote {
            AuditNote(time: now, actor: actor, action: action, subject: subject, detail: detail)
        }
        var notes: [AuditNote] = []
        if report.wasRebuilt { notes.append(note("rebuild", "tables", cause)) }
        notes += report.restored.map { note("restore", "\($0.target)", cause) }
        notes += report.ended.map { note("end", "\($0.target)", "\($0.ending); \(cause)") }
        notes += report.adopted.map { note("adopt", "\($0.target)", "\($0.reason); \(cause)") }
        notes += report.removed.map {
            note("remove", "\($0)", "in the kernel, not in the ledger; \(cause)")
        }
        return notes
    }

    public typealias Standing = FenceStanding

    /// Ends rows whose time is over; the kernel has ended the fences by itself.
    ///
    /// - Complexity: O(open rows).
    public mutating func sweep(
        now: Int64, actor: String = "policy"
    ) throws(QuarantineError) -> [FenceRow] {
        var due = rows.values.filter { $0.until <= now && $0.state != .releasing }
            .sorted { ($0.until, $0.target) < ($1.until, $1.target) }
        guard !due.isEmpty else { return [] }
        for index in due.indices {
            due[index].state = .ended
            due[index].ending = "time over"
        }
        try record(
            due,
            due.map {
                AuditNote(
                    time: now, actor: actor, action: "expire", subject: "\($0.target)",
                    detail: "time over; \($0.id)")
            }, isUrgent: true)
        for row in due { remember(row) }
        forgetCounts()
        return due
    }

    /// What the kernel holds and no fence of the ledger speaks of, as of the last `list`; `reconcile` puts it right.
    public mutating func strangers() throws(QuarantineError) -> [HeldElement] {
        guard !actuator.isDryRun else { return [] }
        let known = FenceIndex(rows.keys.map { ($0, ()) })
        return try actuator.held().filter { !known.overlaps($0.key) }
    }

    /// The fences with time left and what they held back.
    public mutating func list(now: Int64) throws(QuarantineError) -> [Standing] {
        let others = try reload()
        let held = FenceIndex((actuator.isDryRun ? [] : try actuator.held()).map { ($0.key, $0) })
        let all = (Array(rows.values) + others).filter { $0.until > now }
        return all.sorted { ($0.target, $0.response) < ($1.target, $1.response) }.map { row in
            let (packets, bytes) = isMine(row) ? Self.counts(of: row, held) : (0, 0)
            return Standing(
                row: row, remainingMilliseconds: max(0, (row.until - now) / 1_000_000),
                packets: row.packets &+ packets, bytes: row.bytes &+ bytes,
                isInForce: isMine(row) && held.overlaps(row.key))
        }
    }
}

extension FenceRow {
    var key: FenceKey { FenceKey(target: target, response: response) }
}

extension FenceClaim {
    var key: FenceKey { FenceKey(target: target, response: response) }
}

extension HeldElement {
    var key: FenceKey { FenceKey(target: target, response: response) }
}
