internal import NetworkAddresses
internal import Timestamps

extension QuarantinePolicy {
    /// Decides on the offender itself: its MAC address, or every address of its workload.
    mutating func hostDecisions(
        for request: EnforcementRequest, subject: QuarantineTarget, active: ActiveRules
    ) -> [QuarantineDecision] {
        let workload = inventory.workload(at: request.offender)
        let side = side(of: subject)
        if let refusal = objection(to: subject, workload: workload, side, time: request.time) {
            return refuse(refusal, subject, request)
        }
        var targets = self.targets(for: subject, workload: workload, active: active)
        if let port = request.port, subject != .port(port.name),
            !active.contains(.port(port.name))
        {
            targets.append(.port(port.name))
        }
        if let refusal = budgetObjection(adding: targets, to: active, side) {
            breakerUntil[side] = request.time + options.breaker
            return refuse(refusal, subject, request)
        }
        return add(targets, subject: subject, for: request, reason: request.reason)
    }

    /// Decides on a prefix if enough of its known workloads misbehave together; nil if they do not.
    mutating func subnetDecisions(
        for request: EnforcementRequest, active: ActiveRules
    ) -> [QuarantineDecision]? {
        guard options.fencesSubnets, request.spoofingLink == nil,
            request.port?.ownsAddress ?? true, !isOpen(.inside, at: request.time),
            inventory.index(at: request.offender) != nil
        else { return nil }
        let spanStart = request.time - options.subnetSpan
        for prefix in candidates(for: request.offender) {
            let known = inventory.indices(in: prefix)
            let guilty = known.filter { index in
                inventory.workloads[index].addresses.contains {
                    (records[.prefix(IPPrefix(host: $0))]?.confirmedAt ?? .distantPast) >= spanStart
                }
            }
            guard guilty.count >= options.subnetMinimum,
                Double(guilty.count) >= options.subnetShare * Double(known.count)
            else { continue }
            let targets = members(guilty, time: request.time, active: active)
            guard !targets.isEmpty, targets.count <= options.subnetPieces,
                budgetObjection(adding: targets, to: active, .inside) == nil
            else { continue }
            let reason =
                "\(guilty.count) of \(known.count) known workloads of \(prefix) "
                + "misbehave together; " + request.reason
            return add(targets, subject: .prefix(prefix), for: request, reason: reason)
        }
        return nil
    }

    /// The inventory's networks, the narrowest first; then /24 to /28, or /64.
    private func candidates(for address: IPAddress) -> [IPPrefix] {
        let networks = inventory.networks.map(\.prefix).filter {
            $0.contains(address) && !$0.isHost
        }
        let lengths = address.isIPv4 ? Array(24...28) : [64]
        return networks
            + lengths.map { IPPrefix(address, length: $0) }.filter { !networks.contains($0) }
    }

    /// The addresses of accused workloads as the fewest prefixes, without those that may not be
    /// fenced or already are. No other address is covered: not even an unknown one is accused.
    private func members(
        _ accused: Set<Int>, time: Timestamp, active: ActiveRules
    ) -> [QuarantineTarget] {
        let addresses = accused.flatMap { inventory.workloads[$0].allAddresses }.filter {
            let target = QuarantineTarget.prefix(IPPrefix(host: $0))
            return rail(target, time: time) == nil && !isCovered(target, at: nil, by: active)
        }
        return IPPrefix.fewest(covering: addresses).map(QuarantineTarget.prefix).filter {
            !active.contains($0)
        }
    }

    private func targets(
        for subject: QuarantineTarget, workload: KnownWorkload?, active: ActiveRules
    ) -> [QuarantineTarget] {
        guard case .prefix = subject, let workload else { return [subject] }
        let others = Set(workload.allAddresses.map { QuarantineTarget.prefix(IPPrefix(host: $0)) })
            .filter {
                $0 != subject && !active.contains($0) && protected.objection(to: $0) == nil
            }
        return [subject] + others.sorted()
    }

    func objection(
        to subject: QuarantineTarget, workload: KnownWorkload?, _ side: Side?, time: Timestamp
    ) -> QuarantineDecision.Refusal? {
        if let refusal = rail(subject, time: time) { return refusal }
        if let workload, isWarmingUp(workload, time: time) { return .warmingUp }
        if let side, isOpen(side, at: time) { return .breakerOpen }
        return nil
    }

    /// Why a target is never fenced, whatever it does.
    func rail(
        _ subject: QuarantineTarget, time: Timestamp
    ) -> QuarantineDecision.Refusal? {
        if let why = protected.objection(to: subject) { return .protected(why) }
        if let prefix = subject.prefix {
            if let network = inventory.networks.first(where: { $0.gateway == prefix.address }) {
                return .protected("\(prefix) is the gateway of \(network.name)")
            }
            if let entry = allowlist.first(where: {
                $0.isValid(at: time) && $0.prefix.overlaps(prefix)
            }) {
                return .allowlisted("\(entry.prefix), \(entry.reason)")
            }
        }
        return nil
    }

    private func isOpen(_ side: Side, at time: Timestamp) -> Bool {
        breakerUntil[side].map { time < $0 } ?? false
    }

    /// Ports and MAC addresses belong to the node, and so do the addresses of its networks. Where
    /// no networks are known, private addresses do.
    func side(of target: QuarantineTarget) -> Side {
        guard let prefix = target.prefix else { return .inside }
        let isInside =
            inventory.workload(at: prefix.address) != nil
            || inventory.networks.contains { $0.prefix.contains(prefix.address) }
            || inventory.networks.isEmpty && prefix.address.isPrivate
        return isInside ? .inside : .outside
    }

    private func isWarmingUp(_ workload: KnownWorkload, time: Timestamp) -> Bool {
        time - workload.knownSince < options.warmUp
    }

    /// The refusal if `targets` would exceed the number of rules or the share of known workloads.
    private func budgetObjection(
        adding targets: [QuarantineTarget], to active: ActiveRules, _ side: Side
    ) -> QuarantineDecision.Refusal? {
        let automatic = active.values.filter {
            !$0.isByHand && $0.state != .removing && $0.action.isAgainstTarget
                && self.side(of: $0.target) == side
        }
        guard Set(automatic.map(\.id)).count < options.maximumActive else {
            return .budgetOfRules(options.maximumActive)
        }
        guard side == .inside else { return nil }
        let hosts = Set(automatic.map(\.target) + targets)
        let networks = hosts.compactMap(\.prefix).filter { !$0.isHost }
        func isIncluded(_ address: IPAddress) -> Bool {
            hosts.contains(.prefix(IPPrefix(host: address)))
                || networks.contains { $0.contains(address) }
        }
        let count = inventory.workloads.count { $0.addresses.contains(where: isIncluded) }
        let most = max(1, Int(options.maximumShareOfWorkloads * Double(inventory.workloads.count)))
        guard count <= most else {
            return .budgetOfWorkloads(percent: Int(options.maximumShareOfWorkloads * 100))
        }
        return nil
    }

    mutating func refuse(
        _ refusal: QuarantineDecision.Refusal, _ subject: QuarantineTarget,
        _ request: EnforcementRequest
    ) -> [QuarantineDecision] {
        if let last = records[subject]?.lastRefusal, last.kind == refusal,
            request.time - last.time < options.refusalRepeat
        {
            return []
        }
        records[subject]?.lastRefusal = (refusal, request.time)
        var rule = rule(for: request, target: subject, level: 0, reason: request.reason)
        rule.expires = request.time
        return [QuarantineDecision(.refuse(refusal), rule, time: request.time)]
    }

    /// Adds rules on `targets` as one decision; `subject` carries the escalation level.
    private mutating func add(
        _ targets: [QuarantineTarget], subject: QuarantineTarget, for request: EnforcementRequest,
        reason: String
    ) -> [QuarantineDecision] {
        let level = forgiven(records[subject] ?? Record(), time: request.time) + 1
        let model = rule(for: request, target: subject, level: level, reason: reason)
        // "Egress" lets a container answer, and a port cannot separate answers from requests.
        let isByAddress = model.action == .egress && targets.contains { !$0.isPort }
        return targets.filter { !(isByAddress && $0.isPort) }.map { target in
            var rule = model
            rule.target = target
            rule.portInstance = target.isPort ? request.port?.instance : nil
            return QuarantineDecision(.add, rule, time: request.time, subject: subject)
        }
    }

    private func forgiven(_ record: Record, time: Timestamp) -> Int {
        guard record.level > 0, record.lastEnd > .distantPast, options.decay > .zero else {
            return record.level
        }
        return max(0, record.level - max(0, (time - record.lastEnd) / options.decay))
    }

    mutating func rule(
        for request: EnforcementRequest, target: QuarantineTarget, level: Int, reason: String
    ) -> QuarantineRule {
        QuarantineRule(
            id: nextID(request.time), target: target, action: options.action(level: level),
            created: request.time, expires: request.time + options.duration(level: level),
            level: level, reason: reason, eventID: request.eventID, features: request.features,
            workload: request.workload ?? inventory.workload(at: request.offender)?.name,
            evidence: request.evidence)
    }
}

extension AllowEntry {
    func isValid(at time: Timestamp) -> Bool { expires.map { time < $0 } ?? true }
}
