internal import NetworkAddresses
public import Timestamps

/// Decides which targets get a rule, with which action, and until when. It never applies rules
/// itself.
///
/// Its inputs are requests, packet time and the active rules, and its outputs are decisions: the
/// same requests lead to the same decisions, live and in replay. Memory is bounded by
/// `options.maximumTracked`.
public struct QuarantinePolicy: Sendable {
    public var options: QuarantinePolicyOptions
    /// The prefixes that no rule may cover; wider prefixes are split around them.
    public var protected: ProtectedSet
    /// The known workloads and networks.
    public var inventory: KnownInventory
    /// The prefixes that the operator has excluded from fences.
    public var allowlist: [AllowEntry]

    /// The history of an offender.
    struct Record: Sendable {
        /// The workload of the record; another holder of the address starts without one.
        var workload: String?
        var lastRequest = Timestamp.distantPast
        var windowsInRow = 0
        var confirmedAt = Timestamp.distantPast
        var level = 0
        var lastEnd = Timestamp.distantPast
        /// The end of the traffic for which it had its last rule.
        var answered = Timestamp.distantPast
        var lastRefusal: (kind: QuarantineDecision.Refusal, time: Timestamp)?
    }

    var records: [QuarantineTarget: Record] = [:]
    /// The history of targets of attacks, by their addresses.
    var targets: [IPAddress: Record] = [:]
    /// Each side has a circuit breaker and a budget of its own, so that neither uses up the
    /// other's.
    var breakerUntil: [Side: Timestamp] = [:]
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

    /// The side of an offender: a container or host of the node's networks, or anything else.
    enum Side: Hashable, Sendable { case inside, outside }

    /// Whether a circuit breaker is open at `time`: the policy then alerts, and adds no rule on
    /// offenders of that side.
    public func isBreakerOpen(at time: Timestamp) -> Bool {
        breakerUntil.values.contains { time < $0 }
    }

    /// Decides on one detection above the threshold.
    ///
    /// - Parameter active: the rules that are active at the time of the request.
    /// - Returns: the decisions; empty while the offender is only watched. The caller that carries
    ///   out a decision passes it to `record`.
    package mutating func decide(
        _ request: EnforcementRequest, active: ActiveRules
    ) -> [QuarantineDecision] {
        guard request.hasOffender else { return protect(request, active: active) }
        guard isStillTheirs(request) else { return [] }
        let subject = subject(of: request)
        guard isConfirmed(request, of: subject, active: active) else { return [] }
        guard request.isProven else {
            // It does not count for the fence of a prefix, either.
            records[subject]?.confirmedAt = .distantPast
            return refuse(.unproven, subject, request) + protect(request, active: active)
        }
        if request.isAtUnnamedPort { return refuse(.unnamedPort, subject, request) }
        if let extended = extend(subject, for: request, active: active) { return extended }
        guard !isCovered(subject, at: request.port?.name, by: active),
            !isAnswered(request, records[subject])
        else { return [] }
        return subnetDecisions(for: request, active: active)
            ?? hostDecisions(for: request, subject: subject, active: active)
    }

    /// Records that a decision has been carried out: the offender's level and the expiry of its
    /// last rule.
    package mutating func record(_ decision: QuarantineDecision) {
        let rule = decision.rule
        guard rule.action.isAgainstTarget else { return }
        switch decision.kind {
        case .add, .extend:
            record(rule, on: rule.target)
            if decision.subject != rule.target { record(rule, on: decision.subject) }
        case .expire: records[rule.target]?.windowsInRow = 0
        case .release, .refuse: break
        }
    }

    /// Records a rule that was already active.
    package mutating func record(active rule: QuarantineRule) { record(rule, on: rule.target) }

    private mutating func record(_ rule: QuarantineRule, on target: QuarantineTarget) {
        guard !rule.isByHand, rule.action.isAgainstTarget else { return }
        var record = records[target] ?? Record()
        record.level = rule.level
        record.lastEnd = rule.expires
        record.answered = rule.expires - options.duration(level: rule.level)
        records[target] = record
    }

    /// Records that an operator has removed a rule: the target is not fenced again for a while.
    package mutating func recordRelease(of rule: QuarantineRule, time: Timestamp) {
        if let prefix = rule.target.prefix, options.releaseGrace > .zero {
            let expires = time + options.releaseGrace
            allowlist.removeAll { !$0.isValid(at: time) }
            allowlist.append(AllowEntry(prefix, reason: Self.releasedByHand, expires: expires))
        }
        guard rule.action.isAgainstTarget else { return }
        recordWithdrawal(of: rule)
        records[rule.target]?.windowsInRow = 0
        records[rule.target]?.confirmedAt = .distantPast
        records[rule.target]?.lastEnd = time
    }

    /// Records that a rule was removed because its target has changed: it does not count for
    /// escalation.
    package mutating func recordWithdrawal(of rule: QuarantineRule) {
        guard rule.action.isAgainstTarget else { return }
        records[rule.target]?.level = max(0, rule.level - 1)
    }

    /// Moves all remembered times by `step` when the clock is set. Expiries that the operator has
    /// set in the allowlist stay.
    package mutating func clockStepped(by step: Interval) {
        func moved(_ time: Timestamp) -> Timestamp {
            time == .distantPast || time == .distantFuture ? time : time + step
        }
        func moved(_ record: Record) -> Record {
            var record = record
            record.lastRequest = moved(record.lastRequest)
            record.confirmedAt = moved(record.confirmedAt)
            record.lastEnd = moved(record.lastEnd)
            record.answered = moved(record.answered)
            record.lastRefusal = record.lastRefusal.map { ($0.kind, moved($0.time)) }
            return record
        }
        records = records.mapValues { moved($0) }
        targets = targets.mapValues { moved($0) }
        for index in allowlist.indices where allowlist[index].reason == Self.releasedByHand {
            allowlist[index].expires = allowlist[index].expires.map(moved)
        }
        breakerUntil = breakerUntil.mapValues(moved)
    }

    /// Replaces the allowlist; targets that an operator has released stay excluded until their
    /// grace period ends.
    public mutating func replaceAllowlist(_ entries: [AllowEntry]) {
        allowlist = entries + allowlist.filter { $0.reason == Self.releasedByHand }
    }

    /// The reason of allowlist entries for released targets.
    package static let releasedByHand = "released by hand"

    mutating func nextID(_ time: Timestamp) -> String {
        sequence += 1
        return "q" + String(time.nanoseconds / 1000, radix: 36) + "-" + String(sequence)
    }

    func subject(of request: EnforcementRequest) -> QuarantineTarget {
        if let port = request.port, !port.ownsAddress || request.spoofingLink != nil {
            return .port(port.name)
        }
        return request.spoofingLink.map(QuarantineTarget.link)
            ?? .prefix(IPPrefix(host: request.offender))
    }

    func isCovered(
        _ subject: QuarantineTarget, at port: String?, by active: ActiveRules
    ) -> Bool {
        guard let prefix = subject.prefix else { return false }
        // An offender with borrowed addresses would evade a prefix's rule.
        if let port, !active.contains(.port(port)) { return false }
        return active.values.contains {
            $0.action == .drop && $0.state != .removing
                && $0.target.prefix?.contains(prefix) ?? false
        }
    }

    /// Whether the offender had a rule for this traffic: when it has expired, a window that still
    /// has the old packets in it is no new offence.
    private func isAnswered(_ request: EnforcementRequest, _ record: Record?) -> Bool {
        guard let answered = record?.answered else { return false }
        return request.trafficEnd <= answered && answered < request.time
    }

    /// Whether the address still has the holder that it had in the window, so that a new holder is
    /// not fenced for the previous one. An offender without a name may have got one since.
    private func isStillTheirs(_ request: EnforcementRequest) -> Bool {
        guard let then = request.workload, then != "\(request.offender)",
            let now = inventory.workload(at: request.offender)?.name
        else { return true }
        return then == now
    }

    /// Counts the request; true if enough windows in a row are above the threshold, or the score is
    /// far above it.
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
        let isConfirmed = isEnough(request, &record)
        if isConfirmed { record.confirmedAt = request.time }
        if records[subject] == nil, records.count >= options.maximumTracked {
            evictOldest(active)
        }
        records[subject] = record
        return isConfirmed
    }

    /// Counts the request in its record; true if windows or score are enough for a rule.
    func isEnough(_ request: EnforcementRequest, _ record: inout Record) -> Bool {
        // A request long before the last one is of a capture whose clock was set back.
        let longest = request.window * 3 / 2
        let difference = request.time - record.lastRequest
        let inRow = difference <= longest && difference >= .zero - longest
        if record.windowsInRow == 0 || !inRow {
            record.windowsInRow = 1
        } else if request.time > record.lastRequest {
            record.windowsInRow += 1
        }
        record.lastRequest = inRow ? max(record.lastRequest, request.time) : request.time
        let share = (request.score - request.threshold) / max(1 - request.threshold, 1e-9)
        let isFar = request.isFarBeyond || options.farBeyondShare.map { share >= $0 } ?? false
        return isFar || record.windowsInRow >= options.persistenceWindows
    }

    /// Evicts the quarter of the offenders that was seen longest ago, except targets of active
    /// rules.
    private mutating func evictOldest(_ active: ActiveRules) {
        let oldest = records.filter { !active.contains($0.key) }
            .sorted { ($0.value.lastRequest, $0.key) < ($1.value.lastRequest, $1.key) }
        for (key, _) in oldest.prefix(max(1, oldest.count / 4)) { records[key] = nil }
    }

    /// Postpones the expiry of the rules on an offender that continues; nil if it has none.
    ///
    /// Rules added by an operator are not changed. A rule with an action that the next escalation
    /// step makes stricter is not postponed: an offender that continues until its end gets that
    /// step.
    private func extend(
        _ subject: QuarantineTarget, for request: EnforcementRequest, active: ActiveRules
    ) -> [QuarantineDecision]? {
        let present = active.rules(on: subject).filter { $0.state != .removing }
        guard let rule = present.first(where: { !$0.isByHand }) else {
            return present.isEmpty ? nil : []
        }
        let duration = options.duration(level: rule.level)
        let isLastStep = options.action(level: rule.level + 1) >= rule.action
        // From the traffic, not from the window's end: windows over the same packets postpone
        // nothing.
        let expires = isLastStep ? max(request.trafficEnd + duration, rule.expires) : rule.expires
        func extended(_ rule: QuarantineRule) -> QuarantineRule {
            var rule = rule
            rule.expires = expires
            rule.reason = request.reason
            rule.eventID = request.eventID
            rule.features = request.features
            rule.evidence = request.evidence
            return rule
        }
        // The container is back at another port, or the port has become known only now.
        var added: [QuarantineDecision] = []
        if let port = request.port, !active.contains(.port(port.name)) {
            var model = rule
            model.target = .port(port.name)
            model.portInstance = port.instance
            added = [
                QuarantineDecision(.add, extended(model), time: request.time, subject: subject)
            ]
        } else if expires - rule.expires < max(duration / 10, .seconds(1)) {
            return []
        }
        return active.values.filter { $0.id == rule.id && $0.state != .removing }
            .sorted { $0.key < $1.key }
            .map { QuarantineDecision(.extend, extended($0), time: request.time) } + added
    }
}
