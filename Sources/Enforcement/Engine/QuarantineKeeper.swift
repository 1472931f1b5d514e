public import Quarantine

/// Carries decisions out: ledger first, then the kernel, then the ledger again.
///
/// A crash at any point leaves a row that tells what to do at the next `reconcile`, and elements
/// that the kernel ends by itself. Several keepers (daemon, command line) may share a ledger and a
/// kernel; the ledger's lock orders them.
public struct QuarantineKeeper<Actuator: FenceActuator & ~Copyable>: ~Copyable {
    public var actuator: Actuator
    let ledger: any FenceLedger
    /// Open rows by what they fence.
    var rows: [Key: FenceRow] = [:]
    /// Whether fences are put up while the ledger cannot be written, and written down when it can be again: for who
    /// lives long enough. The kernel ends them by itself in any case, and the next start finds them there.
    public var mayOweLedger = false
    /// What the ledger is owed.
    public internal(set) var arrears = LedgerArrears()
    /// Why nothing may be written to the ledger at the moment; nil where it may.
    var obstacle: QuarantineError?

    typealias Key = FenceKey

    /// What became of one action.
    public struct Outcome: Sendable, Equatable {
        public var action: QuarantineAction
        /// Nil: done. Otherwise why not.
        public var failure: QuarantineError?
    }

    /// - Parameter ledger: read by `reconcile`, which comes before anything else.
    public init(ledger: any FenceLedger, actuator: consuming Actuator) {
        self.ledger = ledger
        self.actuator = actuator
    }

    /// The fences that stand or are about to, by target.
    public var openRows: [FenceRow] {
        rows.values.sorted { ($0.target, $0.response) < ($1.target, $1.response) }
    }

    /// Whether another program has written to the ledger since the last call; then `reconcile`.
    public mutating func hasChangedElsewhere() throws(QuarantineError) -> Bool {
        guard try ledger.hasChangedElsewhere() else { return false }
        try reload()
        return true
    }

    /// Carries out what the policy decided.
    ///
    /// - Parameters:
    ///   - actions: in the order of decision; refusals are only noted.
    ///   - now: nanoseconds since 1970.
    /// - Throws: `.ledger` before anything was done; the kernel's failures are told per action.
    public mutating func perform(
        _ actions: [QuarantineAction], now: Int64, actor: String = "policy", force: Bool = false
    ) throws(QuarantineError) -> [Outcome] {
        guard !actions.isEmpty else { return [] }
        let isUrgent = actions.contains { $0.kind == .fence || $0.kind == .extend }
        let now = now + (try lock(isUrgent: isUrgent))
        defer { unlock() }
        if obstacle == nil, try ledger.hasChangedElsewhere() { try reload() }
        var outcomes = actions.map { Outcome(action: $0, failure: nil) }
        var step = Step()
        for (index, action) in actions.enumerated() {
            stage(action, index, now: now, actor: actor, force: force, &step)
        }
        try record(
            Array(step.rows.values), step.notes, isUrgent: isUrgent)
        for (_, row) in step.rows { remember(row) }
        let failures = try act(&step, now: now)
        for (index, failure) in failures { outcomes[index].failure = failure }
        try settle(step, failures: failures, actions: actions, now: now, actor: actor)
        if step.rows.contains(where: { rows[$0.key] == nil }) { forgetCounts() }
        return outcomes
    }

    /// Moves the ends of all fences along where the clock was set, in nanoseconds: the kernel, which counts time
    /// that passes, goes on as it does.
    public mutating func clockStepped(
        by step: Int64, now: Int64, actor: String
    ) throws(QuarantineError) {
        let now = now + (try lock(isUrgent: true))
        defer { unlock() }
        // What cannot be read now is moved by what is known of it: the step comes once only.
        let others = (try? reload()) ?? []
        let moved = (openRows + others).map { row in
            var row = row
            let until = row.until.addingReportingOverflow(step)
            if !until.overflow { row.until = until.partialValue }
            return row
        }
        guard !moved.isEmpty else { return }
        try record(
            moved,
            [
                AuditNote(
                    time: now, actor: actor, action: "clock", subject: "\(moved.count) fences",
                    detail: "the clock was set by \(step / 1_000_000_000) s; their ends with it")
            ], isUrgent: true)
        for row in moved where isMine(row) { remember(row) }
    }

    /// The ledger's lock. Where another program keeps it, what may not wait is done all the same, and owed.
    ///
    /// - Returns: nanoseconds that it took.
    mutating func lock(isUrgent: Bool) throws(QuarantineError) -> Int64 {
        do { return try ledger.lock() } catch {
            guard isUrgent, mayOweLedger else { throw error }
            obstacle = error
            return 0
        }
    }

    mutating func unlock() {
        if obstacle == nil { ledger.unlock() }
        obstacle = nil
    }

    /// Takes down every fence that lies in `target`, those of the other mode included: they hold nothing back.
    ///
    /// - Throws: `.noSuchFence` or `.partOf` when there is none.
    public mutating func release(
        _ target: FenceTarget, reason: String, now: Int64, actor: String
    ) throws(QuarantineError) -> [Outcome] {
        let now = now + (try lock(isUrgent: false))
        defer { unlock() }
        _ = try ledger.hasChangedElsewhere()
        let others = try reload()
        let hit = openRows.filter { target.covers($0.target) }
        let thought = others.filter { target.covers($0.target) }
        guard !hit.isEmpty || !thought.isEmpty else {
            let wider = (openRows + others).first { $0.target.covers(target) }?.target
            throw wider.map { .partOf(target, wider: $0) } ?? .noSuchFence(target)
        }
        try forget(thought, reason: reason, now: now, actor: actor)
        return try perform(
            hit.map { $0.action(.release, time: now, reason: reason) }, now: now, actor: actor)
            + thought.map {
                Outcome(action: $0.action(.release, time: now, reason: reason), failure: nil)
            }
    }

    /// Ends rows of the other mode.
    private mutating func forget(
        _ rows: [FenceRow], reason: String, now: Int64, actor: String
    ) throws(QuarantineError) {
        guard !rows.isEmpty else { return }
        let ended = rows.map { row in
            var row = row
            row.state = .ended
            row.ending = "released: \(reason)"
            return row
        }
        let notes = rows.map { row in
            AuditNote(
                time: now, actor: actor, action: (row.isDryRun ? "dry-run " : "") + "release",
                subject: "\(row.target)", detail: reason)
        }
        try record(ended, notes, isUrgent: false)
    }

    /// Takes down every fence.
    public mutating func flush(
        reason: String, now: Int64, actor: String
    ) throws(QuarantineError) -> [Outcome] {
        let now = now + (try lock(isUrgent: false))
        defer { unlock() }
        if try ledger.hasChangedElsewhere() { try reload() }
        return try perform(
            openRows.map { $0.action(.release, time: now, reason: reason) },
            now: now, actor: actor)
    }

    /// Fences `target` by hand; where it is fenced alike already, the later end counts.
    ///
    /// - Returns: with the fence as it stands now.
    public mutating func add(
        _ target: FenceTarget, response: FenceResponse, seconds: Int64, reason: String,
        now: Int64, actor: String, force: Bool
    ) throws(QuarantineError) -> Outcome {
        let action = QuarantineAction(
            id: "h" + String(now / 1000, radix: 36), kind: .fence, target: target,
            response: response, time: now, until: now + seconds * 1_000_000_000, reason: reason)
        var outcome = try perform([action], now: now, actor: actor, force: force)[0]
        if outcome.failure == nil, let row = rows[Key(target: target, response: action.response)] {
            outcome.action = row.action(.fence, time: now)
        }
        return outcome
    }

    /// What one call changes: rows before the kernel is touched, and its changes.
    struct Step {
        var rows: [Key: FenceRow] = [:]
        var notes: [AuditNote] = []
        /// Which action led to which change.
        var changes: [(index: Int, change: FenceChange)] = []
        /// Why the tables had to be made anew for it.
        var rebuilt: QuarantineError?
    }

    func isMine(_ row: FenceRow) -> Bool { row.isDryRun == actuator.isDryRun }

    /// Lets hosts whose fence is over count from nothing when they are fenced again.
    ///
    /// Changes nothing of what is fenced, so a failure is not told; it is made good the next time.
    mutating func forgetCounts() {
        guard !actuator.isDryRun else { return }
        let rows = rows
        try? actuator.forgetCounts { target, response in
            rows[Key(target: target, response: response)] != nil
        }
    }

    mutating func remember(_ row: FenceRow) {
        let key = Key(target: row.target, response: row.response)
        rows[key] = row.state == .ended ? nil : row
    }

    /// What other processes have written meanwhile.
    ///
    /// - Returns: open rows of the other mode, enforcing or dry run.
    @discardableResult
    mutating func reload() throws(QuarantineError) -> [FenceRow] {
        let open = try ledger.openRows()
        var others: [FenceRow] = []
        rows = Dictionary(minimumCapacity: open.count)
        for row in open {
            if isMine(row) {
                rows[Key(target: row.target, response: row.response)] = row
            } else {
                others.append(row)
            }
        }
        arrears.overlay(&rows)
        return others
    }

    private mutating func stage(
        _ action: QuarantineAction, _ index: Int, now: Int64, actor: String, force: Bool,
        _ step: inout Step
    ) {
        let key = Key(target: action.target, response: action.response)
        let known = step.rows[key] ?? rows[key]
        var detail = action.reason
        switch action.kind {
        case .fence, .extend:
            var row = FenceRow(
                action, actor: actor, isForced: force, isDryRun: actuator.isDryRun)
            if let known, known.state != .ended {
                row.created = known.created
                row.until = max(known.until, row.until)
                row.id = known.id
                // Who is fenced by hand beside the policy is still the policy's to extend.
                row.level = max(known.level, row.level)
                row.packets = known.packets
                row.bytes = known.bytes
                row.isForced = known.isForced || force
            }
            step.rows[key] = row
            step.changes.append((index, .put(row.claim)))
            detail += "; until \(row.until); \(row.response.rawValue); \(row.id)"
            if force { detail += "; forced" }
        case .release:
            guard var row = known else { return }
            row.state = .releasing
            row.ending = "released: \(action.reason)"
            step.rows[key] = row
            step.changes.append((index, .remove(action.target, action.response)))
        case .expire:
            // The kernel ended it by itself.
            guard var row = known, row.until <= now else { return }
            row.state = .ended
            row.ending = "time over"
            step.rows[key] = row
        case .refuse(let why): detail = "\(why); \(action.reason)"
        }
        if !action.eventID.isEmpty { detail += "; event \(action.eventID)" }
        if !action.features.isEmpty { detail += "; \(action.features)" }
        step.notes.append(
            AuditNote(
                time: now, actor: actor,
                action: (actuator.isDryRun ? "dry-run " : "") + "\(action.kind)",
                subject: "\(action.target)", detail: detail))
    }

    /// Changes the kernel in one transaction; without what a rail forbids.
    private mutating func act(
        _ step: inout Step, now: Int64
    ) throws(QuarantineError) -> [Int: QuarantineError] {
        var failures: [Int: QuarantineError] = [:]
        var changes = step.changes
        while !changes.isEmpty {
            do {
                try actuator.apply(changes.map(\.change), now: now)
                return failures
            } catch .protected(let target, let why) {
                for (index, change) in changes where change.target == target {
                    failures[index] = .protected(target, why: why)
                }
                changes.removeAll { $0.change.target == target }
            } catch {
                // Somebody has changed the sets under us: make them anew from the ledger.
                step.rebuilt = error
                do {
                    try actuator.rebuild(
                        wanted(now: now, without: failures, step), now: now)
                    return failures
                } catch {
                    for (index, _) in changes { failures[index] = error }
                    return failures
                }
            }
        }
        return failures
    }

    private func wanted(
        now: Int64, without failures: [Int: QuarantineError], _ step: Step
    ) -> [FenceClaim] {
        let failed = Set(step.changes.filter { failures[$0.index] != nil }.map(\.change.target))
        return rows.values.filter {
            $0.state != .releasing && $0.until > now && !failed.contains($0.target)
        }.map(\.claim)
    }

    /// Writes down what the kernel's answer was.
    private mutating func settle(
        _ step: Step, failures: [Int: QuarantineError], actions: [QuarantineAction], now: Int64,
        actor: String
    ) throws(QuarantineError) {
        var settled: [FenceRow] = []
        var notes: [AuditNote] = []
        if let cause = step.rebuilt {
            notes.append(
                AuditNote(
                    time: now, actor: actor, action: "rebuild", subject: "tables",
                    detail: "\(cause)"))
        }
        for (index, change) in step.changes {
            let key = Key(target: change.target, response: actions[index].response)
            guard var row = step.rows[key] else { continue }
            if let failure = failures[index] {
                notes.append(
                    AuditNote(
                        time: now, actor: actor, action: "fail", subject: "\(change.target)",
                        detail: "\(failure)"))
                // What failed to come down stays "releasing" and is tried again.
                guard row.state != .releasing else { continue }
                row.state = .ended
                row.ending = "failed: \(failure)"
            } else {
                row.state = row.state == .releasing ? .ended : .standing
            }
            settled.append(row)
        }
        // What is done is done.
        try record(settled, notes, isUrgent: true)
        for row in settled { remember(row) }
    }
}

extension FenceChange {
    var target: FenceTarget {
        switch self {
        case .put(let claim): claim.target
        case .remove(let target, _): target
        }
    }
}

extension FenceRow {
    init(_ action: QuarantineAction, actor: String, isForced: Bool, isDryRun: Bool) {
        self.init(
            id: action.id, target: action.target, response: action.response,
            created: action.time, until: action.until, level: action.level,
            reason: action.reason, eventID: action.eventID, features: action.features,
            workload: action.workload, actor: actor, isForced: isForced, isDryRun: isDryRun)
    }

    /// The row as an action on it, for the policy and for reports.
    public func action(
        _ kind: QuarantineAction.Kind, time: Int64, reason: String? = nil
    ) -> QuarantineAction {
        QuarantineAction(
            id: id, kind: kind, target: target, response: response, time: time, until: until,
            level: level, reason: reason ?? self.reason, eventID: eventID, features: features,
            workload: workload)
    }
}

extension QuarantineKeeper: Sendable where Actuator: Sendable, Actuator: ~Copyable {}
