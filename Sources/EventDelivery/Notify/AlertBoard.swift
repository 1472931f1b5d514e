internal import Events
internal import TextFormats
internal import Timestamps

/// The alerts that an Alertmanager should have: firing while an incident or a fence lasts.
///
/// Alertmanager knows an alert by its labels, so labels have few values: addresses, which an
/// attacker may choose, are in the annotations only.
struct AlertBoard: Sendable {
    /// The labels that distinguish alerts.
    struct Key: Hashable, Sendable {
        var name: String
        var workload: String
        var pattern: String
        var severity: Event.Severity
    }

    /// What one address or target contributes to an alert.
    private struct Member: Sendable {
        /// When it no longer counts unless more happens.
        var end: Instant
        var release: String?
    }

    private struct Entry: Sendable {
        var start: Timestamp
        /// The pattern's name for people, of an alert.
        var title: String?
        var members: [String: Member] = [:]
        /// Whether there were members beyond the limit.
        var hasFurther = false
        var targets: [String] = []
        var reasons: [String] = []
        var eventID: String?
        var fence: String?
        /// Events since the last time that it was sent.
        var events = 0
        /// Counted up by changes; what was sent last.
        var version = 1
        var sent = 0
        var lastPost: Instant?
    }

    /// What is to be sent, and what it stands for.
    struct Batch: Sendable {
        var body: [UInt8]
        fileprivate var versions: [(key: Key, version: Int, isOver: Bool, events: Int)]
        var events: Int { versions.reduce(0) { $0 + $1.events } }
        var count: Int { versions.count }
    }

    /// The most alerts; one more stands for all others. Unknown hosts have half of them.
    static let mostAlerts = 200
    static let mostMembers = 256
    /// How often Alertmanager is told that an alert still holds.
    static let renewal = Interval.seconds(60)
    private static let slack = Interval.seconds(60)

    private let node: String
    private var entries: [Key: Entry] = [:]

    init(node: String) { self.node = node }

    // MARK: - Events

    /// - Returns: whether the event is part of an alert that will be sent.
    mutating func take(_ brief: EventBrief, now: Instant, time: Timestamp) -> Bool {
        guard let change = brief.change else {
            let name = "LazaretIncident"
            return add(brief, name, end: now + .seconds(brief.quietSeconds), time)
        }
        if change.failure != nil {
            return add(brief, "LazaretFenceFailed", end: now + .seconds(900), time)
        }
        switch change.action {
        case .add, .protect, .extend:
            guard !change.isDryRun else { return false }
            // The release is reported; the end is known in case that report is lost.
            let rest = max(change.until - time, .zero) + .seconds(30)
            return add(brief, "LazaretQuarantine", end: now + rest, time)
        case .release: return end(brief.key, ["LazaretQuarantine", "LazaretIncident"])
        case .expire: return end(brief.key, ["LazaretQuarantine"])
        case .refuse: return false
        }
    }

    /// - Returns: false if it only continues what was sent; the next renewal has its end.
    private mutating func add(
        _ brief: EventBrief, _ name: String, end: Instant, _ time: Timestamp
    ) -> Bool {
        let key = place(for: brief, name)
        var entry = entries[key] ?? Entry(start: time, title: brief.title?.short(80))
        let member = brief.key
        let before = entry.members[member]
        if before != nil || entry.members.count < Self.mostMembers {
            let isChange = brief.change != nil
            entry.members[member] = Member(
                end: isChange ? end : max(end, before?.end ?? end),
                release: brief.change?.release.short(120))
        } else {
            entry.hasFurther = true
        }
        let isNews = before == nil && entry.members[member] != nil || brief.change != nil
        if isNews {
            entry.version += 1
            entry.events += 1
        }
        if let text = brief.target?.short(160), entry.targets.count < 3,
            !entry.targets.contains(text)
        {
            entry.targets.append(text)
        }
        for reason in brief.reasons.map({ $0.short(200) })
        where entry.reasons.count < 3 && !entry.reasons.contains(reason) {
            entry.reasons.append(reason)
        }
        entry.eventID = brief.eventID?.short(40) ?? entry.eventID
        if let failure = brief.change?.failure { entry.fence = failure.short(200) }
        entries[key] = entry
        return isNews
    }

    /// The alert that an event belongs to; the one for all others where there are too many.
    private func place(for brief: EventBrief, _ name: String) -> Key {
        let workload = brief.workload?.short(64) ?? (brief.isOutside ? "outside" : "unknown")
        let key = Key(
            name: name, workload: workload, pattern: brief.pattern?.short(40) ?? "none",
            severity: brief.severity)
        guard entries[key] == nil else { return key }
        let isNamed = brief.workload != nil
        let limit = isNamed ? Self.mostAlerts : Self.mostAlerts / 2
        guard entries.count >= limit else { return key }
        return Key(
            name: "LazaretManyIncidents", workload: "others", pattern: "none", severity: .high)
    }

    private mutating func end(_ member: String, _ names: Set<String>) -> Bool {
        var isPart = false
        for (key, entry) in entries where entry.members[member] != nil {
            guard names.contains(key.name) || key.name == "LazaretManyIncidents" else { continue }
            var entry = entry
            entry.members[member] = nil
            entry.version += 1
            if !isPart { entry.events += 1 }
            entries[key] = entry
            isPart = true
        }
        return isPart
    }

    // MARK: - Sending

    /// The number of alerts whose last change was not sent.
    var unsent: Int { entries.values.count { $0.sent < $0.version } }

    /// What has changed, or is to be renewed; nil: nothing.
    mutating func batch(now: Instant, time: Timestamp) -> Batch? {
        var alerts: [JSONObject] = []
        var batch = Batch(body: [], versions: [])
        for (key, entry) in entries.sorted(by: { $0.value.start < $1.value.start }) {
            var entry = entry
            let count = entry.members.count
            entry.members = entry.members.filter { $0.value.end > now }
            if entry.members.count < count { entry.version += 1 }
            entries[key] = entry
            let isOver = entry.members.isEmpty
            let isOld = entry.lastPost.map { now >= $0 + Self.renewal } ?? true
            guard entry.sent < entry.version || isOld else { continue }
            alerts.append(alert(key, entry, isOver: isOver, now, time))
            batch.versions.append((key, entry.version, isOver, entry.events))
        }
        guard !alerts.isEmpty else { return nil }
        batch.body = Array("[\(alerts.map(\.text).joined(separator: ","))]".utf8)
        return batch
    }

    /// Notes that a batch has arrived.
    mutating func sent(_ batch: Batch, now: Instant) {
        for part in batch.versions {
            guard var entry = entries[part.key] else { continue }
            entry.sent = part.version
            entry.events -= part.events
            entry.lastPost = now
            let isOver = part.isOver && entry.members.isEmpty && entry.version == part.version
            entries[part.key] = isOver ? nil : entry
        }
    }

    private func alert(
        _ key: Key, _ entry: Entry, isOver: Bool, _ now: Instant, _ time: Timestamp
    ) -> JSONObject {
        var labels = JSONObject()
        labels.put("alertname", key.name)
        labels.put("severity", key.severity.word)
        labels.put("workload", Self.plain(key.workload))
        labels.put("pattern", key.pattern)
        labels.put("node", node)
        var alert = JSONObject()
        alert.put("labels", labels)
        alert.put("annotations", annotations(key, entry))
        // After the clock was set back, the start would be after the end.
        let start = min(entry.start, time - .seconds(1))
        alert.put("startsAt", UTC.rfc3339(start))
        let last = entry.members.values.map(\.end).max() ?? now
        let end = isOver ? time : time + max(last - now, Self.renewal) + Self.slack
        alert.put("endsAt", UTC.rfc3339(end))
        return alert
    }

    private func annotations(_ key: Key, _ entry: Entry) -> JSONObject {
        var result = JSONObject()
        let names = entry.members.keys.sorted()
        let shown = names.prefix(10).joined(separator: ", ")
        let more = names.count > 10 ? " and \(names.count - 10) more" : ""
        let who = shown + more + (entry.hasFurther ? ", and others beyond these" : "")
        let what =
            switch key.name {
            case "LazaretQuarantine": "in quarantine"
            case "LazaretFenceFailed": "could not be fenced"
            case "LazaretManyIncidents": "further incidents, beyond \(Self.mostAlerts) alerts"
            default: entry.title ?? "anomalous traffic"
            }
        result.put("summary", Self.plain("\(key.workload) on \(node): \(what)"))
        result.put("addresses", who.isEmpty ? "none any more" : Self.plain(who))
        let lines =
            entry.targets.map { "target: \($0)" } + entry.reasons
            + (entry.fence.map { ["failed: \($0)"] } ?? [])
        if !lines.isEmpty { result.put("description", Self.plain(lines.joined(separator: "\n"))) }
        let commands = entry.members.values.compactMap(\.release).sorted().prefix(3)
        if key.name == "LazaretQuarantine", !commands.isEmpty {
            result.put("release", commands.joined(separator: "\n"))
        }
        if let identifier = entry.eventID { result.put("explain", "lazaret explain \(identifier)") }
        return result
    }

    /// The text without what Slack takes for a command: Alertmanager's templates for chats do not
    /// escape labels and annotations.
    private static func plain(_ text: String) -> String {
        text.replacing("<", with: "‹").replacing(">", with: "›").replacing("`", with: "'")
    }

    /// The alert of `lazaret notify test`; it resolves itself after two minutes.
    static func test(node: String, time: Timestamp) -> [UInt8] {
        var labels = JSONObject()
        for (name, value) in [
            ("alertname", "LazaretTest"), ("severity", "low"), ("workload", "none"),
            ("pattern", "none"), ("node", node),
        ] {
            labels.put(name, value)
        }
        var annotations = JSONObject()
        annotations.put("summary", Notice.testText)
        var alert = JSONObject()
        alert.put("labels", labels)
        alert.put("annotations", annotations)
        alert.put("startsAt", UTC.rfc3339(time - .seconds(1)))
        alert.put("endsAt", UTC.rfc3339(time + .seconds(120)))
        return Array("[\(alert.text)]".utf8)
    }
}
