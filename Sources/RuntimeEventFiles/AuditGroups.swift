import RuntimeEvents
import Timestamps

/// Joins the records of auditd's log to events: those with equal node, time and serial number,
/// which may come between those of other events.
struct AuditGroups {
    /// The most events whose records are awaited; the oldest then goes on without the rest.
    private static let most = 64

    private struct Group {
        var nanoseconds: Int64
        var types: [String] = []
        var fields: [String: String] = [:]
    }

    private var groups: [AuditRecord.Key: Group] = [:]
    private var order: [AuditRecord.Key] = []

    /// Adds a record.
    ///
    /// - Returns: the events that are complete.
    mutating func add(_ record: AuditRecord, _ rules: RuntimeEventRules) -> [ReportedEvent] {
        var done: [ReportedEvent] = []
        if groups[record.key] == nil {
            if order.count >= Self.most { done += take(order[0], rules) }
            groups[record.key] = Group(nanoseconds: record.nanoseconds)
            order.append(record.key)
        }
        groups[record.key]?.types.append(record.type)
        groups[record.key]?.fields.merge(record.fields) { first, _ in first }
        // The kernel writes these last.
        if record.type == "EOE" || record.type == "PROCTITLE" { done += take(record.key, rules) }
        return done
    }

    /// All events that wait for records.
    mutating func finish(_ rules: RuntimeEventRules) -> [ReportedEvent] {
        order.flatMap { take($0, rules) }
    }

    private mutating func take(
        _ key: AuditRecord.Key, _ rules: RuntimeEventRules
    ) -> [ReportedEvent] {
        order.removeAll { $0 == key }
        return groups.removeValue(forKey: key).flatMap { Self.event($0, rules) }.map { [$0] } ?? []
    }

    /// The records that say something by themselves.
    private static let telling: Set<String> = ["AVC", "SECCOMP", "USER_AVC"]

    /// Nil for an event of this program, and for the end of an event that went on without it.
    private static func event(_ group: Group, _ rules: RuntimeEventRules) -> ReportedEvent? {
        let fields = group.fields
        let process = fields["pid"].flatMap { Int32($0) }
        if let process, process == rules.ownProcess { return nil }
        guard let type = group.types.first(where: { $0 != "EOE" && $0 != "PROCTITLE" }) else {
            return nil
        }
        let key = fields["key"].flatMap { $0 == "(null)" || $0.isEmpty ? nil : $0 }
        let anomaly = group.types.first { $0.hasPrefix("ANOM_") }
        let telling = anomaly ?? group.types.first(where: telling.contains)
        let priority: RuntimeEvent.Priority =
            if anomaly != nil {
                rules.priority.isAtLeast(.warning) ? rules.priority : .warning
            } else if key != nil || telling != nil {
                rules.priority
            } else {
                .informational
            }
        var detail: [String] = []
        if fields["success"] == "no" { detail.append("refused") }
        if let peer = fields["saddr"].flatMap(AuditRecord.peer) {
            detail.append("connection to \(peer)")
        }
        if let name = fields["name"], name != "(null)" { detail.append("file \(name)") }
        if rules.keepsArguments, let title = fields["proctitle"] {
            detail.append("command \(title)")
        }
        let places = [process, fields["ppid"].flatMap { Int32($0) }].compactMap(\.self)
            .filter { $0 > 1 }.map(ReportedEvent.Place.process)
        return ReportedEvent(
            RuntimeEvent(
                time: Timestamp(nanoseconds: group.nanoseconds), tool: .auditd,
                rule: key ?? telling ?? type, priority: priority,
                process: fields["exe"] ?? fields["comm"], detail: detail.joined(separator: ", ")),
            places: places)
    }
}
