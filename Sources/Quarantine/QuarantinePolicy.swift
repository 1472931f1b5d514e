internal import NetworkAddresses

/// Decides who is fenced, how, and until when; never acts.
///
/// Verdicts and packet time go in, actions come out: the same offences give the same actions, live
/// and in replay. Memory is bounded by `options.maximumTracked` and `options.maximumActive`.
public struct QuarantinePolicy: Sendable {
    public var options: QuarantinePolicyOptions
    /// What no fence may cover; prefixes are split around it.
    public var protected: ProtectedSet
    /// The known workloads and networks.
    public var inventory: KnownInventory
    /// What somebody asked to leave alone.
    public var allowlist: [AllowEntry]

    /// A fence that stands, as far as the policy knows.
    struct Standing: Sendable {
        var action: QuarantineAction
        var isByHand: Bool { action.level == 0 }
    }

    /// What is remembered of an offender.
    struct Record: Sendable {
        /// Whose record it is: another holder of the address has none.
        var workload: String?
        var lastOffence = Int64.min
        var windowsInRow = 0
        var confirmedAt = Int64.min
        var level = 0
        var lastEnd = Int64.min
        var lastRefusal: (kind: QuarantineAction.Refusal, time: Int64)?
    }

    var standing: [FenceTarget: Standing] = [:]
    var records: [FenceTarget: Record] = [:]
    var breakerUntil = Int64.min
    private var nextExpiry = Int64.max
    private var sequence = 0

    public init(
        options: QuarantinePolicyOptions = QuarantinePolicyOptions(),
        protected: ProtectedSet = ProtectedSet(), inventory: KnownInventory = KnownInventory(),
        allowlist: [AllowEntry] = []
    ) {
        self.options = options
        self.protected = protected
        self.inventory = inventory
        self.allowlist = allowlist
    }

    /// The fences that stand, by their targets' order.
    public var activeFences: [QuarantineAction] {
        standing.values.map(\.action).sorted { $0.target < $1.target }
    }

    /// Whether the circuit breaker is open at `time`: the policy alerts and does not fence.
    public func isBreakerOpen(at time: Int64) -> Bool { time < breakerUntil }

    /// Weighs one verdict above the threshold.
    ///
    /// - Returns: expiries that came due, then what this offence leads to; empty while the offender
    ///   is only watched.
    public mutating func consider(_ offence: Offence) -> [QuarantineAction] {
        var actions = advance(to: offence.time)
        guard isStillTheirs(offence) else { return actions }
        let subject = subject(of: offence)
        guard note(offence, of: subject) else { return actions }
        if let extended = extend(subject, for: offence) { return actions + extended }
        guard !isCovered(subject) else { return actions }
        actions += subnetActions(for: offence) ?? hostActions(for: offence, subject: subject)
        return actions
    }

    /// Moves time forward: fences whose end has come are reported as expired.
    public mutating func advance(to time: Int64) -> [QuarantineAction] {
        guard time >= nextExpiry else { return [] }
        let ended = standing.values.filter { $0.action.until <= time }
            .sorted { ($0.action.until, $0.action.target) < ($1.action.until, $1.action.target) }
        for fence in ended {
            standing[fence.action.target] = nil
            records[fence.action.target]?.windowsInRow = 0
        }
        nextExpiry = standing.values.lazy.map(\.action.until).min() ?? .max
        return ended.map { fence in
            var action = fence.action
            action.kind = .expire
            action.time = fence.action.until
            return action
        }
    }

    /// Moves everything that was noted along where the clock was set, in nanoseconds. Ends of the allowlist that
    /// people have named stay as they are.
    public mutating func clockStepped(by step: Int64) {
        func moved(_ time: Int64) -> Int64 {
            let sum = time.addingReportingOverflow(step)
            return sum.overflow || time == .min || time == .max ? time : sum.partialValue
        }
        for (target, fence) in standing {
            var action = fence.action
            action.time = moved(action.time)
            action.until = moved(action.until)
            standing[target] = Standing(action: action)
        }
        for (target, record) in records {
            var record = record
            record.lastOffence = moved(record.lastOffence)
            record.confirmedAt = moved(record.confirmedAt)
            record.lastEnd = moved(record.lastEnd)
            record.lastRefusal = record.lastRefusal.map { ($0.kind, moved($0.time)) }
            records[target] = record
        }
        for index in allowlist.indices where allowlist[index].reason == Self.releasedByHand {
            allowlist[index].until = allowlist[index].until.map(moved)
        }
        breakerUntil = moved(breakerUntil)
        nextExpiry = standing.values.lazy.map(\.action.until).min() ?? .max
    }

    /// Why what was released is left alone for a while.
    public static let releasedByHand = "released by hand"

    /// Fences `target` by hand; `force` overrides the protected set.
    public mutating func add(
        _ target: FenceTarget, seconds: Int64, response: FenceResponse = .drop, reason: String,
        time: Int64, force: Bool = false
    ) -> QuarantineAction {
        var action = QuarantineAction(
            id: nextID(time), kind: .fence, target: target, response: response, time: time,
            until: time + seconds * 1_000_000_000, reason: reason)
        if !force, let objection = protected.objection(to: target) {
            action.kind = .refuse(.protected(objection))
            action.until = time
        } else {
            stand(action)
        }
        return action
    }

    /// Takes down every fence that lies in `target`, and leaves it alone for a while.
    public mutating func release(
        _ target: FenceTarget, reason: String, time: Int64
    ) -> [QuarantineAction] {
        let hit = standing.keys.filter { target.covers($0) }.sorted()
        if let prefix = target.prefix, options.releaseGraceSeconds > 0, !hit.isEmpty {
            let until = time + options.releaseGraceSeconds * 1_000_000_000
            allowlist.removeAll { $0.until.map { $0 <= time } ?? false }
            allowlist.append(AllowEntry(prefix, reason: Self.releasedByHand, until: until))
        }
        return hit.compactMap { key in
            guard var action = standing.removeValue(forKey: key)?.action else { return nil }
            records[key]?.windowsInRow = 0
            records[key]?.confirmedAt = .min
            records[key]?.level = max(0, action.level - 1)
            records[key]?.lastEnd = time
            action.kind = .release
            action.time = time
            action.until = time
            action.reason = reason
            return action
        }
    }

    /// Takes over fences that stand already, as the ledger tells after a restart.
    public mutating func restore(_ fences: [QuarantineAction]) {
        for fence in fences {
            stand(fence)
            guard fence.level > 0 else { continue }
            records[fence.target, default: Record()].level = fence.level
        }
    }

    /// Forgets a fence that could not be put up; the offender may be fenced at its next offence.
    public mutating func withdraw(_ target: FenceTarget) {
        guard let action = standing.removeValue(forKey: target)?.action else { return }
        records[target]?.level = max(0, action.level - 1)
    }

    mutating func stand(_ action: QuarantineAction) {
        standing[action.target] = Standing(action: action)
        nextExpiry = min(nextExpiry, action.until)
    }

    mutating func nextID(_ time: Int64) -> String {
        sequence += 1
        return "q" + String(time / 1000, radix: 36) + "-" + String(sequence)
    }

    func subject(of offence: Offence) -> FenceTarget {
        offence.spoofingLink.map(FenceTarget.link) ?? .prefix(IPPrefix(host: offence.offender))
    }

    private func isCovered(_ subject: FenceTarget) -> Bool {
        guard let prefix = subject.prefix else { return false }
        return standing.contains { key, value in
            value.action.response == .drop && key.prefix?.contains(prefix) ?? false
        }
    }

    /// Whether the address is still whose it was in the window: what one did who is gone is not held
    /// against whoever came after. An offender that had no name then may have got one since.
    private func isStillTheirs(_ offence: Offence) -> Bool {
        guard let then = offence.workload, then != "\(offence.offender)",
            let now = inventory.workload(at: offence.offender)?.name
        else { return true }
        return then == now
    }

    /// Counts the offence; true when the offender's row is long enough or it is far beyond.
    private mutating func note(_ offence: Offence, of subject: FenceTarget) -> Bool {
        var record = records[subject] ?? Record()
        if record.workload != nil, record.workload != offence.workload, standing[subject] == nil {
            record = Record()
        }
        record.workload = offence.workload ?? record.workload
        let gap = offence.time.subtractingReportingOverflow(record.lastOffence)
        let inRow = !gap.overflow && gap.partialValue <= offence.windowNanoseconds * 3 / 2
        if record.windowsInRow == 0 || !inRow {
            record.windowsInRow = 1
        } else if offence.time > record.lastOffence {
            record.windowsInRow += 1
        }
        record.lastOffence = max(record.lastOffence, offence.time)
        let share = (offence.score - offence.threshold) / max(1 - offence.threshold, 1e-9)
        let isFar = offence.isFarBeyond || options.farBeyondShare.map { share >= $0 } ?? false
        let isConfirmed = isFar || record.windowsInRow >= options.persistenceWindows
        if isConfirmed { record.confirmedAt = offence.time }
        if records[subject] == nil, records.count >= options.maximumTracked { forgetOldest() }
        records[subject] = record
        return isConfirmed
    }

    /// Forgets the quarter of the offenders that was seen longest ago, standing fences excepted.
    private mutating func forgetOldest() {
        let oldest = records.filter { standing[$0.key] == nil }
            .sorted { ($0.value.lastOffence, $0.key) < ($1.value.lastOffence, $1.key) }
        for (key, _) in oldest.prefix(max(1, oldest.count / 4)) { records[key] = nil }
    }

    private mutating func extend(
        _ subject: FenceTarget, for offence: Offence
    ) -> [QuarantineAction]? {
        guard let fence = standing[subject]?.action else { return nil }
        let duration = options.duration(level: fence.level)
        let until = offence.time + duration
        guard until - fence.until >= max(duration / 10, 1_000_000_000), fence.level > 0 else {
            return []
        }
        return standing.values.map(\.action)
            .filter { $0.id == fence.id }.sorted { $0.target < $1.target }
            .map { old in
                var action = old
                action.kind = .extend
                action.time = offence.time
                action.until = until
                action.reason = offence.reason
                action.eventID = offence.eventID
                action.features = offence.features
                stand(action)
                records[action.target]?.lastEnd = until
                return action
            }
    }
}

extension FenceTarget {
    /// Whether a release of this target means `other` too.
    package func covers(_ other: FenceTarget) -> Bool {
        if let mine = prefix, let theirs = other.prefix { return mine.contains(theirs) }
        return self == other
    }
}
