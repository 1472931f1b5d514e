internal import NetworkAddresses
internal import Timestamps

/// Rules that protect the target of an attack whose sender is not known.
extension QuarantinePolicy {
    /// Decides whether the target of a request gets a limit of new connections.
    ///
    /// The sender may have forged every address, so a rule against one of them could hit an
    /// innocent host. A limit towards the target leaves its established connections alone.
    mutating func protect(
        _ request: EnforcementRequest, active: ActiveRules
    ) -> [QuarantineDecision] {
        guard options.protectedConnectionsPerSecond != nil, let address = request.target else {
            return []
        }
        let subject = QuarantineTarget.prefix(IPPrefix(host: address))
        // Hosts beyond the gateway protect themselves.
        guard side(of: subject) == .inside || address.isPrivate,
            isEnough(request, for: address)
        else { return [] }
        let key = QuarantineRule.Key(target: subject, action: .protect)
        if let present = active[key] { return extend(present, for: request) }
        // The side is none of the two whose circuit breakers are about offenders.
        if let refusal = objection(to: subject, workload: nil, nil, time: request.time)
            ?? targetBudgetObjection(active)
        {
            return refuse(refusal, address, subject, request)
        }
        let decided = protectingRule(for: request, subject)
        return [QuarantineDecision(.add, decided, time: request.time)]
    }

    private mutating func isEnough(
        _ request: EnforcementRequest, for address: IPAddress
    ) -> Bool {
        var record = targets[address] ?? Record()
        let isConfirmed = isEnough(request, &record)
        if targets[address] == nil, targets.count >= options.maximumTracked {
            let oldest = targets.sorted {
                ($0.value.lastRequest, $0.key) < ($1.value.lastRequest, $1.key)
            }
            for (key, _) in oldest.prefix(max(1, oldest.count / 4)) { targets[key] = nil }
        }
        targets[address] = record
        return isConfirmed
    }

    private func extend(
        _ rule: QuarantineRule, for request: EnforcementRequest
    ) -> [QuarantineDecision] {
        let duration = options.duration(level: 1)
        var extended = rule
        extended.expires = request.trafficEnd + duration
        guard rule.state != .removing, !rule.isByHand,
            extended.expires - rule.expires >= max(duration / 10, .seconds(1))
        else { return [] }
        extended.reason = request.reason
        extended.eventID = request.eventID
        extended.features = request.features
        return [QuarantineDecision(.extend, extended, time: request.time)]
    }

    private func targetBudgetObjection(_ active: ActiveRules) -> QuarantineDecision.Refusal? {
        let count = active.values.count {
            $0.action == .protect && !$0.isByHand && $0.state != .removing
        }
        return count < options.maximumActive ? nil : .budgetOfRules(options.maximumActive)
    }

    private mutating func refuse(
        _ refusal: QuarantineDecision.Refusal, _ address: IPAddress, _ subject: QuarantineTarget,
        _ request: EnforcementRequest
    ) -> [QuarantineDecision] {
        if let last = targets[address]?.lastRefusal, last.kind == refusal,
            request.time - last.time < options.refusalRepeat
        {
            return []
        }
        targets[address]?.lastRefusal = (refusal, request.time)
        var rule = protectingRule(for: request, subject)
        rule.expires = request.time
        return [QuarantineDecision(.refuse(refusal), rule, time: request.time)]
    }

    private mutating func protectingRule(
        for request: EnforcementRequest, _ subject: QuarantineTarget
    ) -> QuarantineRule {
        var rule = rule(for: request, target: subject, level: 1, reason: request.reason)
        rule.action = .protect
        rule.workload = subject.prefix.flatMap { inventory.workload(at: $0.address)?.name }
        return rule
    }
}
