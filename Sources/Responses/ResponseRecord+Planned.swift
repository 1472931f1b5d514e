internal import NetworkAddresses
internal import Quarantine
internal import Timestamps

/// The records of responses that have not begun.
extension ResponseRecord {
    /// The records of one container, by the entries that are meant for it.
    static func planned(
        _ container: FoundContainer, _ rules: [QuarantineRule], _ entries: [ResponseEntry],
        _ situation: ResponseSituation, _ now: Timestamp
    ) -> [ResponseRecord] {
        let rule = rules.first { container.isMeant(by: $0) } ?? rules[0]
        let workload =
            Self.workload(of: rule, situation)
            ?? container.addresses.sorted().lazy.compactMap {
                situation.inventory.workload(at: $0)?.name
            }.first
        return entries.filter { $0.action.isOnContainer && $0.covers(workload) }.map { entry in
            var record = ResponseRecord(
                entry: entry.name, action: entry.action.rawValue, ruleID: rule.id,
                target: "\(rule.target)", object: container.id, name: container.name,
                workload: workload, engine: container.engine.path, eventID: rule.eventID,
                created: now, changed: now, expires: rule.expires)
            if !container.sharers.isEmpty {
                record.state = .skipped
                record.detail =
                    "\(container.sharers.sorted().joined(separator: ", ")) uses the network of "
                    + "\(container.name): which one sent is unknown"
            }
            return record
        }
    }

    /// The records of one rule, by the entries that act on its target.
    static func planned(
        _ rule: QuarantineRule, _ entries: [ResponseEntry], _ situation: ResponseSituation,
        _ now: Timestamp
    ) -> [ResponseRecord] {
        let workload = Self.workload(of: rule, situation)
        return entries.filter { !$0.action.isOnContainer && $0.covers(workload) }.compactMap {
            entry in
            let values = ResponseTemplate.values(
                for: rule, entry: entry.name, workload: workload, now: now)
            guard entry.isMeant(for: values) else { return nil }
            let undo =
                switch entry.action {
                case .exec: ExecPlan(entry, values).text
                case .wireguard: WireGuardPlan(entry, values)?.text
                case .crowdsec:
                    CrowdSecPlan(entry, rule, isInside: isInside(rule, workload, situation))?.text
                case _ where entry.action.isOnCluster: ClusterPlan(entry, values)?.text
                default: RequestPlan(entry, values)?.text
                }
            guard let undo else { return nil }
            var record = ResponseRecord(
                entry: entry.name, action: entry.action.rawValue, ruleID: rule.id,
                target: "\(rule.target)", object: "\(rule.target)", name: "\(rule.target)",
                workload: workload, undo: undo, eventID: rule.eventID, created: now, changed: now,
                expires: rule.expires)
            if entry.action == .crowdsec, let doubt = CrowdSecPlan.doubt(about: rule) {
                (record.state, record.detail) = (.skipped, doubt)
            }
            return record
        }
    }

    /// Whether the target is a workload, or belongs to a network of this node.
    private static func isInside(
        _ rule: QuarantineRule, _ workload: String?, _ situation: ResponseSituation
    ) -> Bool {
        guard workload == nil, let prefix = rule.target.prefix else { return true }
        return situation.inventory.networks.contains { $0.prefix.overlaps(prefix) }
    }

    /// The name of the rule's workload; nil for what is no known workload.
    private static func workload(
        of rule: QuarantineRule, _ situation: ResponseSituation
    ) -> String? {
        if let name = rule.workload, name != "outside", IPPrefix(name) == nil { return name }
        return rule.target.prefix.flatMap { situation.inventory.workload(at: $0.address)?.name }
    }
}
