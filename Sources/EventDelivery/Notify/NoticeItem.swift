internal import Events
internal import TextFormats
internal import Timestamps

/// What a message says about one offender, or one target of a rule.
struct NoticeItem: Sendable, Equatable {
    /// The end of a rule's story so far.
    enum Fence: Sendable, Equatable {
        case active, planned, over, refused, failed
    }

    var subject: String
    var workload: String?
    var severity: Event.Severity
    /// Names in events, and for people.
    var patterns: [String] = []
    var titles: [String] = []
    var target: String?
    var reasons: [String] = []
    var eventID: String?
    var fence: Fence?
    var fenceText: String?
    /// The command that removes the rule, while there is one.
    var release: String?
    /// The last change of a rule, for comparison with the next one.
    var lastState: String?
    /// The alerts and changes that it stands for.
    var events = 0
    var alerts = 0
    /// Repeated alerts that did not lead to a message.
    var repeated = 0

    static let mostReasons = 3
    static let mostPatterns = 4

    init(_ brief: EventBrief) {
        subject = brief.key
        severity = brief.severity
        add(brief)
    }

    /// Adds a later event about the same subject.
    mutating func add(_ brief: EventBrief) {
        events += 1
        if brief.severity.rawValue < severity.rawValue { severity = brief.severity }
        if let name = brief.workload { workload = name.short(80) }
        if let pattern = brief.pattern, !patterns.contains(pattern) { patterns.append(pattern) }
        if let title = brief.title, !titles.contains(title), titles.count < Self.mostPatterns {
            titles.append(title.short(80))
        }
        if let text = brief.target { target = text.short(160) }
        if let identifier = brief.eventID { eventID = identifier.short(40) }
        for reason in brief.reasons.map({ $0.short(200) })
        where reasons.count < Self.mostReasons && !reasons.contains(reason) {
            reasons.append(reason)
        }
        if let change = brief.change { take(change) } else { alerts += 1 }
    }

    /// Adds what an earlier message could not deliver.
    mutating func precede(by earlier: NoticeItem) {
        events += earlier.events
        alerts += earlier.alerts
        repeated += earlier.repeated
        if earlier.severity.rawValue < severity.rawValue { severity = earlier.severity }
        workload = workload ?? earlier.workload
        patterns = earlier.patterns + patterns.filter { !earlier.patterns.contains($0) }
        titles = Array(
            (earlier.titles + titles.filter { !earlier.titles.contains($0) })
                .prefix(Self.mostPatterns))
        target = target ?? earlier.target
        eventID = eventID ?? earlier.eventID
        reasons = Array(
            (earlier.reasons + reasons.filter { !earlier.reasons.contains($0) })
                .prefix(Self.mostReasons))
        guard fence == nil else { return }
        (fence, fenceText, release) = (earlier.fence, earlier.fenceText, earlier.release)
        lastState = earlier.lastState
    }

    private mutating func take(_ change: EventBrief.Change) {
        let end = "until \(UTC.moment(change.until))"
        let kind = change.response.short(20)
        release = nil
        lastState = change.state
        if let failure = change.failure {
            fence = .failed
            fenceText = "FAILED: \(change.action.rawValue): \(failure.short(200))"
            return
        }
        switch change.action {
        case .add, .protect, .extend:
            let word = change.action == .protect ? "protected" : "fenced"
            fence = change.isDryRun ? .planned : .active
            fenceText =
                change.isDryRun
                ? "not enforcing: would be \(word) (\(kind)), \(end)" : "\(word) (\(kind)), \(end)"
            release = change.isDryRun ? nil : change.release.short(120)
        case .release:
            fence = .over
            fenceText = "released: \(change.reason.short(200))"
        case .expire:
            fence = .over
            fenceText = "the fence has expired"
        case .refuse:
            fence = .refused
            fenceText = "not fenced: \(change.reason.short(200))"
        }
    }

    /// `worker (10.60.4.13)`, or the address alone.
    var who: String { workload.map { "\($0) (\(subject))" } ?? subject }

    /// Whether it is more important than another one: what has changed for somebody comes before
    /// what was only seen, and a known workload before an unknown address, which may be forged.
    func precedes(_ other: NoticeItem) -> Bool {
        rank != other.rank ? rank < other.rank : who < other.who
    }

    private var rank: Int {
        let isChange = fence == .active || fence == .over || fence == .failed
        return (isChange ? 0 : 100) + severity.rawValue * 10 + (workload == nil ? 5 : 0)
    }

    /// The facts as lines for people, each with a heading.
    var facts: [(heading: String, text: String, isCommand: Bool)] {
        var lines: [(heading: String, text: String, isCommand: Bool)] = []
        if let target { lines.append(("target", target, false)) }
        for (index, reason) in reasons.enumerated() {
            lines.append((index == 0 ? "because" : "", reason, false))
        }
        if alerts > 1 || repeated > 0 {
            let more = repeated > 0 ? ", \(repeated) more since the last message" : ""
            lines.append(("alerts", "\(alerts)\(more)", false))
        }
        if let fenceText { lines.append(("fence", fenceText, false)) }
        if let release { lines.append(("release", release, true)) }
        if let eventID { lines.append(("explain", "lazaret explain \(eventID)", true)) }
        return lines
    }
}

extension EventBrief {
    /// What names its subject in tables and messages.
    var key: String { subject.short(80) }
}

extension EventBrief.Change {
    /// Equal for changes that say the same.
    var state: String { "\(action.rawValue) \(failure == nil) \(isDryRun)" }
}

extension String {
    /// The text on one line, without what controls a terminal, and of `limit` code points at most:
    /// one character may consist of thousands.
    func short(_ limit: Int) -> String {
        let scalars = printable.unicodeScalars
        guard scalars.count > limit else { return printable }
        return String(String.UnicodeScalarView(scalars.prefix(max(limit - 1, 0)))) + "…"
    }
}
