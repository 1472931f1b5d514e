internal import NetworkAddresses

extension QuarantinePolicy {
    /// Fences the offender itself: its network card, or every address of its workload.
    mutating func hostActions(
        for offence: Offence, subject: FenceTarget
    ) -> [QuarantineAction] {
        let workload = inventory.workload(at: offence.offender)
        if let refusal = objection(to: subject, workload: workload, time: offence.time) {
            return refuse(refusal, subject, offence)
        }
        let targets = self.targets(for: subject, workload: workload)
        if let refusal = budgetObjection(adding: targets) {
            breakerUntil = offence.time + options.breakerSeconds * 1_000_000_000
            return refuse(refusal, subject, offence)
        }
        return fence(targets, leader: subject, for: offence, reason: offence.reason)
    }

    /// Fences a prefix when enough of its known workloads misbehave together; nil: not the case.
    mutating func subnetActions(for offence: Offence) -> [QuarantineAction]? {
        guard options.fencesSubnets, offence.spoofingLink == nil, !isBreakerOpen(at: offence.time),
            inventory.index(at: offence.offender) != nil
        else { return nil }
        let spanStart = offence.time - options.subnetSpanSeconds * 1_000_000_000
        for prefix in candidates(for: offence.offender) {
            let known = inventory.indices(in: prefix)
            let guilty = known.filter { index in
                inventory.workloads[index].addresses.contains {
                    (records[.prefix(IPPrefix(host: $0))]?.confirmedAt ?? .min) >= spanStart
                }
            }
            guard guilty.count >= options.subnetMinimum,
                Double(guilty.count) >= options.subnetShare * Double(known.count)
            else { continue }
            let targets = pieces(of: prefix, time: offence.time)
            guard !targets.isEmpty, targets.count <= options.subnetPieces,
                budgetObjection(adding: targets) == nil
            else { continue }
            let reason =
                "\(guilty.count) of \(known.count) known workloads of \(prefix) "
                + "misbehave together; " + offence.reason
            return fence(targets, leader: .prefix(prefix), for: offence, reason: reason)
        }
        return nil
    }

    /// Inventory networks first, the narrowest first; then /24 to /28, or /64.
    private func candidates(for address: IPAddress) -> [IPPrefix] {
        let networks = inventory.networks.map(\.prefix).filter {
            $0.contains(address) && !$0.isHost
        }
        let lengths = address.isIPv4 ? Array(24...28) : [64]
        return networks
            + lengths.map { IPPrefix(address, length: $0) }.filter { !networks.contains($0) }
    }

    /// `prefix` without what is protected or allowlisted at `time`.
    private func pieces(of prefix: IPPrefix, time: Int64) -> [FenceTarget] {
        var holes = protected
        for entry in allowlist where entry.isValid(at: time) {
            holes.add(entry.prefix, reason: entry.reason)
        }
        for gateway in inventory.networks.compactMap(\.gateway) {
            holes.add(IPPrefix(host: gateway), reason: "gateway")
        }
        return holes.split(prefix).map(FenceTarget.prefix).filter { standing[$0] == nil }
    }

    private func targets(for subject: FenceTarget, workload: KnownWorkload?) -> [FenceTarget] {
        guard case .prefix = subject, let workload else { return [subject] }
        var addresses = workload.addresses
        if let link = workload.link { addresses.append(IPAddress(linkLocalOf: link)) }
        let others = Set(addresses.map { FenceTarget.prefix(IPPrefix(host: $0)) })
            .filter { $0 != subject && standing[$0] == nil && protected.objection(to: $0) == nil }
        return [subject] + others.sorted()
    }

    private func objection(
        to subject: FenceTarget, workload: KnownWorkload?, time: Int64
    ) -> QuarantineAction.Refusal? {
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
        if let workload, isWarmingUp(workload, time: time) { return .warmingUp }
        if isBreakerOpen(at: time) { return .breakerOpen }
        return nil
    }

    private func isWarmingUp(_ workload: KnownWorkload, time: Int64) -> Bool {
        let age = time.subtractingReportingOverflow(workload.knownSince)
        return !age.overflow && age.partialValue < options.warmUpSeconds * 1_000_000_000
    }

    /// Whether `targets` would go beyond the number of fences or the share of known workloads.
    private func budgetObjection(adding targets: [FenceTarget]) -> QuarantineAction.Refusal? {
        let automatic = standing.values.filter { !$0.isByHand }
        guard Set(automatic.map(\.action.id)).count < options.maximumActive else {
            return .budgetOfFences(options.maximumActive)
        }
        let hosts = Set(automatic.map(\.action.target) + targets)
        let networks = hosts.compactMap(\.prefix).filter { !$0.isHost }
        func isFenced(_ address: IPAddress) -> Bool {
            hosts.contains(.prefix(IPPrefix(host: address)))
                || networks.contains { $0.contains(address) }
        }
        func count(_ test: (IPAddress) -> Bool) -> Int {
            inventory.workloads.count { $0.addresses.contains(where: test) }
        }
        let most = max(1, Int(options.maximumShareOfWorkloads * Double(inventory.workloads.count)))
        guard count(isFenced) <= most else {
            return .budgetOfWorkloads(percent: Int(options.maximumShareOfWorkloads * 100))
        }
        return nil
    }

    private mutating func refuse(
        _ refusal: QuarantineAction.Refusal, _ subject: FenceTarget, _ offence: Offence
    ) -> [QuarantineAction] {
        if let last = records[subject]?.lastRefusal, last.kind == refusal,
            offence.time - last.time < options.refusalRepeatSeconds * 1_000_000_000
        {
            return []
        }
        records[subject]?.lastRefusal = (refusal, offence.time)
        var action = action(for: offence, target: subject, level: 0, reason: offence.reason)
        action.kind = .refuse(refusal)
        action.until = offence.time
        return [action]
    }

    /// Puts fences around `targets` as one decision; `leader` carries the escalation.
    private mutating func fence(
        _ targets: [FenceTarget], leader: FenceTarget, for offence: Offence, reason: String
    ) -> [QuarantineAction] {
        var record = records[leader] ?? Record()
        record.level = forgiven(record, time: offence.time) + 1
        let model = action(for: offence, target: leader, level: record.level, reason: reason)
        record.lastEnd = model.until
        records[leader] = record
        return targets.map { target in
            var action = model
            action.target = target
            action.undo = "lazaret quarantine release \(target)"
            stand(action)
            records[target, default: Record()].level = record.level
            records[target]?.lastEnd = action.until
            return action
        }
    }

    private func forgiven(_ record: Record, time: Int64) -> Int {
        let quiet = time.subtractingReportingOverflow(record.lastEnd)
        guard record.level > 0, !quiet.overflow, options.decaySeconds > 0 else {
            return record.level
        }
        let steps = quiet.partialValue / (options.decaySeconds * 1_000_000_000)
        return max(0, record.level - Int(max(0, steps)))
    }

    private mutating func action(
        for offence: Offence, target: FenceTarget, level: Int, reason: String
    ) -> QuarantineAction {
        QuarantineAction(
            id: nextID(offence.time), kind: .fence, target: target,
            response: options.response(level: level), time: offence.time,
            until: offence.time + options.duration(level: level), level: level, reason: reason,
            eventID: offence.eventID, features: offence.features,
            workload: offence.workload ?? inventory.workload(at: offence.offender)?.name)
    }
}

extension AllowEntry {
    func isValid(at time: Int64) -> Bool { until.map { time < $0 } ?? true }
}
