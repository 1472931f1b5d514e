internal import Events
internal import Timestamps

/// Collects what has happened until a message is due, with one item for each offender or target.
struct NoticeCollector: Sendable {
    /// What was told last about a subject.
    private struct Told: Sendable {
        var severity: Event.Severity
        var patterns: Set<String>
        var fence: String?
        /// When it may be told again.
        var again: Instant
        /// Alerts since then.
        var repeated = 0
    }

    /// The most items; the least important one is only counted.
    static let mostItems = 100
    /// The most subjects of which it is known what was told.
    static let mostTold = 4096

    private let entry: NotifyEntry
    private let node: String
    private(set) var items: [String: NoticeItem] = [:]
    private var omitted = 0
    private var lost = 0
    private var told: [String: Told] = [:]
    /// When the first event came that waits.
    private var first: Instant?
    private var lastSent: Instant?

    init(_ entry: NotifyEntry, node: String) {
        self.entry = entry
        self.node = node
    }

    /// - Returns: whether it waits for a message; false if it needs none.
    mutating func take(_ brief: EventBrief, now: Instant) -> Bool {
        let key = brief.key
        guard entry.includes(brief) else { return false }
        guard isNews(brief, key, now) else {
            told[key]?.repeated += 1
            return false
        }
        if first == nil { first = now }
        if items[key] != nil {
            items[key]?.add(brief)
            return true
        }
        var item = NoticeItem(brief)
        item.repeated = told[key]?.repeated ?? 0
        insert(item, key)
        return true
    }

    /// Whether it says something that was not told lately.
    private func isNews(_ brief: EventBrief, _ key: String, _ now: Instant) -> Bool {
        if items[key] != nil { return true }
        if let change = brief.change, change.action == .extend, change.failure == nil {
            return false
        }
        guard let last = told[key], now < last.again else { return true }
        if let change = brief.change { return change.state != last.fence }
        if brief.severity.rawValue < last.severity.rawValue { return true }
        return brief.pattern.map { !last.patterns.contains($0) } ?? false
    }

    private mutating func insert(_ item: NoticeItem, _ key: String) {
        guard items.count >= Self.mostItems else {
            items[key] = item
            return
        }
        guard let least = items.max(by: { $0.value.precedes($1.value) }),
            item.precedes(least.value)
        else {
            omitted += item.events
            return
        }
        omitted += least.value.events
        items[least.key] = nil
        items[key] = item
    }

    /// Whether a message is due.
    func isDue(_ now: Instant) -> Bool {
        guard let first else { return false }
        guard let lastSent else { return now >= first + entry.wait }
        return now >= first + entry.wait && now >= lastSent + entry.interval
    }

    var toldCount: Int { told.count }

    /// Whether something waits.
    var isEmpty: Bool { items.isEmpty && omitted == 0 }

    /// Removes what waits, as a message.
    mutating func notice() -> Notice {
        let sorted = items.values.sorted { $0.precedes($1) }
        defer {
            items = [:]
            (omitted, lost, first) = (0, 0, nil)
        }
        return Notice(
            node: node, items: Array(sorted.prefix(Notice.mostShown)),
            further: Array(sorted.dropFirst(Notice.mostShown)), omitted: omitted, lost: lost)
    }

    /// Takes back a message that was not delivered.
    mutating func takeBack(_ notice: Notice, now: Instant) {
        omitted += notice.omitted
        lost += notice.lost
        if first == nil { first = now }
        for item in notice.items + notice.further {
            if items[item.subject] != nil {
                items[item.subject]?.precede(by: item)
            } else {
                insert(item, item.subject)
            }
        }
    }

    /// Notes that a message has arrived. What it only counted is told with the next event.
    mutating func sent(_ notice: Notice, now: Instant) {
        lastSent = now
        for item in notice.items { note(item, now) }
    }

    /// Notes that a message was refused for good.
    mutating func refused(_ notice: Notice, now: Instant) {
        lastSent = now
        lost += notice.lost + notice.events
    }

    private mutating func note(_ item: NoticeItem, _ now: Instant) {
        if told.count >= Self.mostTold {
            told = told.filter { $0.value.again > now }
            // Half of them, rather than one for each message of a flood.
            if told.count >= Self.mostTold {
                let middle = told.values.map(\.again).sorted()[told.count / 2]
                told = told.filter { $0.value.again > middle }
            }
        }
        let last = told[item.subject].flatMap { $0.again > now ? $0 : nil }
        told[item.subject] = Told(
            severity: item.severity, patterns: Set(item.patterns).union(last?.patterns ?? []),
            fence: item.lastState ?? last?.fence, again: now + entry.repeats)
    }
}
