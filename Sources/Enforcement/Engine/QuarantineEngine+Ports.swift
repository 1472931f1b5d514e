internal import NodeInterfaces
public import Quarantine
public import Timestamps

/// Rules on ports: an interface name may belong to another container later.
extension QuarantineEngine where Actuator: ~Copyable {
    /// Compares the rules on ports with the current interfaces. A rule follows an interface that
    /// was renamed, and is removed when its interface is gone, also if an operator added it: the
    /// next interface with that name is another container's.
    public mutating func followPorts(
        now: Timestamp
    ) throws(QuarantineError) -> [QuarantineOutcome] {
        let mine = rules.sorted.filter { $0.target.isPort && $0.state != .removing }
        guard !mine.isEmpty else { return [] }
        let present = try actuator.portInstances()
        let names = Dictionary(present.map { ($1, $0) }, uniquingKeysWith: { $1 })
        var decisions: [QuarantineDecision] = []
        for rule in mine {
            guard case .port(let name) = rule.target else { continue }
            if let instance = rule.portInstance.map(NodeInterface.instance(stored:)) {
                if present[name] == instance { continue }
                if let newName = names[instance] {
                    var moved = rule
                    moved.target = .port(newName)
                    decisions.append(
                        .release(of: rule, time: now, reason: "the port is \(newName) now"))
                    decisions.append(QuarantineDecision(.add, moved, time: now))
                    continue
                }
            }
            decisions.append(
                .release(of: rule, time: now, reason: "the port has gone, and its container"))
        }
        return try perform(decisions, now: now)
    }

    /// Targets of new rules whose interface is gone or is another one by now.
    mutating func portsGone(
        _ decisions: [QuarantineDecision]
    ) throws(QuarantineError) -> Set<QuarantineTarget> {
        let added = decisions.filter {
            ($0.kind == .add || $0.kind == .extend) && $0.target.isPort
                && $0.rule.portInstance != nil
        }
        guard !added.isEmpty else { return [] }
        let present = try actuator.portInstances()
        return Set(
            added.filter {
                guard case .port(let name) = $0.target else { return false }
                return present[name] != $0.rule.portInstance.map(NodeInterface.instance(stored:))
            }
            .map(\.target))
    }
}
