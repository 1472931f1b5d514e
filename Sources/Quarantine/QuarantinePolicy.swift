internal import NetworkAddresses
public import Timestamps

/// Decides whose packets are acted on, how, and until when; never acts.
///
/// Requests, packet time and the active rules go in, decisions come out: the same requests give the
/// same decisions, live and in replay. Memory is bounded by `options.maximumTracked`.
public struct QuarantinePolicy: Sendable {
    public var options: QuarantinePolicyOptions
    /// What no rule may cover; prefixes are split around it.
    public var protected: ProtectedSet
    /// The known workloads and networks.
    public var inventory: KnownInventory
    /// What somebody asked to leave alone.
    public var allowlist: [AllowEntry]

    /// What is remembered of an offender.
    struct Record: Sendable {
        /// Whose record it is: another holder of the address has none.
        var workload: String?
        var lastRequest = Timestamp.distantPast
        var windowsInRow = 0
        var confirmedAt = Timestamp.distantPast
        var level = 0
        var lastEnd = Timestamp.distantPast
        var lastRefusal: (kind: QuarantineDecision.Refusal, time: Timestamp)?
    }

    var records: [QuarantineTarget: Record] = [:]
    var breakerUntil = Timestamp.distantPast
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

    /// Whether the circuit breaker is open at `time`: the policy alerts and decides no rule.
    public func isBreakerOpen(at time: Timestamp) -> Bool { time < breakerUntil }

    /// Weighs one detection above the threshold.
    ///
    /// - Parameter active: the rules that are active at the time of the request.
    /// - Returns: what the request leads to; empty while the offender is only watched. Whoever
    ///   carries a decision out calls `record` with it.
    package mutating func decide(
        _ request: EnforcementRequest, active: ActiveRules
    ) -> [QuarantineDecision] {
        guard isStillTheirs(request) else { return [] }
        let subject = subject(of: request)
        guard isConfirmed(request, of: subject, active: active) else { return [] }
        if let extended = extend(subject, for: request, active: active) { return extended }
        guard !isCovered(subject, by: active) else { return [] }
        return subnetDecisions(for: request, active: active)
            ?? hostDecisions(for: request, subject: subject, active: active)
    }

    /// Notes that a decision has been carried out: an offender's level and the end of its last
    /// rule.
    package mutating func record(_ decision: QuarantineDecision) {
        let rule = decision.rule
        switch decision.kind {
        case .add, .extend:
            record(rule, on: rule.target)
            if decision.subject != rule.target { record(rule, on: decision.subject) }
        case .expire: records[rule.target]?.windowsInRow = 0
        case .release, .refuse: break
        }
    }

    /// Notes a rule that was active before.
    package mutating func record(active rule: QuarantineRule) { record(rule, on: rule.target) }

    private mutating func record(_ rule: QuarantineRule, on target: QuarantineTarget) {
        guard !rule.isByHand else { return }
        var record = records[target] ?? Record()
        record.level = rule.level
        record.lastEnd = rule.expires
        records[target] = record
    }

    /// Notes that a person has removed a rule: the target is left alone for a while.
    package mutating func recordRelease(of rule: QuarantineRule, time: Timestamp) {
        if let prefix = rule.target.prefix, options.releaseGrace > .zero {
            let expires = time + options.releaseGrace
            allowlist.removeAll { !$0.isValid(at: time) }
            allowlist.append(AllowEntry(prefix, reason: Self.releasedByHand, expires: expires))
        }
        recordWithdrawal(of: rule)
        records[rule.target]?.windowsInRow = 0
        records[rule.target]?.confirmedAt = .distantPast
        records[rule.target]?.lastEnd = time
    }

    /// Notes that a rule was removed because it no longer fits: it does not count for the next one.
    package mutating func recordWithdrawal(of rule: QuarantineRule) {
        records[rule.target]?.level = max(0, rule.level - 1)
    }

    /// Moves everything that is remembered along when the clock is set, by `step`. Ends
    /// of the allowlist that people have named stay as they are.
    package mutating func clockStepped(by step: Interval) {
        func moved(_ time: Timestamp) -> Timestamp {
            time == .distantPast || time == .distantFuture ? time : time + step
        }
        for (target, record) in records {
            var record = record
            record.lastRequest = moved(record.lastRequest)
            record.confirmedAt = moved(record.confirmedAt)
            record.lastEnd = moved(record.lastEnd)
            record.lastRefusal = record.lastRefusal.map { ($0.kind, moved($0.time)) }
            records[target] = record
        }
        for index in allowlist.indices where allowlist[index].reason == Self.releasedByHand {
            allowlist[index].expires = allowlist[index].expires.map(moved)
        }
        breakerUntil = moved(breakerUntil)
    }

    /// Replaces the allowlist; what was released by hand is still left alone as long as was
    /// promised.
    public mutating func replaceAllowlist(_ entries: [AllowEntry]) {
        allowlist = entries + allowlist.filter { $0.reason == Self.releasedByHand }
    }

    /// Why what was released is left alone for a while.
    package static let releasedByHand = "released by hand"

    mutating func nextID(_ time: Timestamp) -> String {
        sequence += 1
        return "q" + String(time.nanoseconds / 1000, radix: 36) + "-" + String(sequence)
    }

    func subject(of request: EnforcementRequest) -> QuarantineTarget {
        request.spoofingLink.map(QuarantineTarget.link) ?? .prefix(IPPrefix(host: request.offender))
    }

    private func isCovered(_ subject: QuarantineTarget, by active: ActiveRules) -> Bool {
        guard let prefix = subject.prefix else { return false }
        return active.values.contains {
            $0.action == .drop && $0.state != .removing
                && $0.target.prefix?.contains(prefix) ?? false
        }
    }

    /// Whether the address is still whose it was in the window: what its last holder did is not
    /// held against the next one. An offender that had no name then may have got one since.
    private func isStillTheirs(_ request: EnforcementRequest) -> Bool {
        guard let then = request.workload, then != "\(request.offender)",
            let now = inventory.workload(at: request.offender)?.name
        else { return true }
        return then == now
    }

    /// Counts the request; true when the offender's row of windows is long enough, or the score is
    /// far beyond the threshold.
    private mutating func isConfirmed(
        _ request: EnforcementRequest, of subject: QuarantineTarget, active: ActiveRules
    ) -> Bool {
        var record = records[subject] ?? Record()
        if record.workload != nil, record.workload != request.workload,
            !active.contains(subject)
        {
            record = Record()
        }
        record.workload = request.workload ?? record.workload
        let inRow = request.time - record.lastRequest <= request.window * 3 / 2
        if record.windowsInRow == 0 || !inRow {
            record.windowsInRow = 1
        } else if request.time > record.lastRequest {
            record.windowsInRow += 1
        }
        record.lastRequest = max(record.lastRequest, request.time)
        let share = (request.score - request.threshold) / max(1 - request.threshold, 1e-9)
        let isFar = request.isFarBeyond || options.farBeyondShare.map { share >= $0 } ?? false
        let isConfirmed = isFar || record.windowsInRow >= options.persistenceWindows
        if isConfirmed { record.confirmedAt = request.time }
        if records[subject] == nil, records.count >= options.maximumTracked {
            evictOldest(active)
        }
        records[subject] = record
        return isConfirmed
    }

    /// Forgets the quarter of the offenders that was seen longest ago, except targets of active
    /// rules.
    private mutating func evictOldest(_ active: ActiveRules) {
        let oldest = records.filter { !active.contains($0.key) }
            .sorted { ($0.value.lastRequest, $0.key) < ($1.value.lastRequest, $1.key) }
        for (key, _) in oldest.prefix(max(1, oldest.count / 4)) { records[key] = nil }
    }

    /// Moves the end of the rules on an offender that goes on; nil when there are none.
    ///
    /// A rule by hand is left as it is.
    private func extend(
        _ subject: QuarantineTarget, for request: EnforcementRequest, active: ActiveRules
    ) -> [QuarantineDecision]? {
        let present = active.rules(on: subject).filter { $0.state != .removing }
        guard let rule = present.first(where: { !$0.isByHand }) else {
            return present.isEmpty ? nil : []
        }
        let duration = options.duration(level: rule.level)
        let expires = request.time + duration
        guard expires - rule.expires >= max(duration / 10, .seconds(1)) else { return [] }
        return active.values.filter { $0.id == rule.id && $0.state != .removing }
            .sorted { $0.key < $1.key }
            .map { rule in
                var rule = rule
                rule.expires = expires
                rule.reason = request.reason
                rule.eventID = request.eventID
                rule.features = request.features
                return QuarantineDecision(.extend, rule, time: request.time)
            }
    }
}
