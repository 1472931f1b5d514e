internal import Events

/// One message: the most important of what has happened, and how much more there was.
struct Notice: Sendable, Equatable {
    static let mostShown = 10

    var node: String
    /// The most important ones first.
    var items: [NoticeItem]
    /// Items that are left out of the message.
    var further: [NoticeItem] = []
    /// Events of which only the number is known.
    var omitted = 0
    /// Events of earlier messages that could not be delivered.
    var lost = 0
    /// Whether it only tries the way.
    var isTest = false

    /// The events that it stands for.
    var events: Int { (items + further).reduce(omitted) { $0 + $1.events } }

    /// `gw1: 3 incidents, 1 fenced`; no text in it comes from packets.
    var title: String {
        if isTest { return "\(node): test of Lazaret's notifications" }
        let all = items + further
        let alerts = all.count { $0.alerts > 0 }
        let counts: [(Int, String)] = [
            (alerts, alerts == 1 ? "incident" : "incidents"),
            (all.count { $0.fence == .active }, "fenced"),
            (all.count { $0.fence == .planned }, "would be fenced"),
            (all.count { $0.fence == .over }, "released"),
            (all.count { $0.fence == .refused }, "not fenced"),
            (all.count { $0.fence == .failed }, "FAILED"),
        ]
        let words = counts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
        return "\(node): \(words.isEmpty ? "\(events) events" : words.joined(separator: ", "))"
    }

    var severity: Event.Severity {
        let least = (items + further).map(\.severity.rawValue).min()
        return least.flatMap(Event.Severity.init(rawValue:)) ?? .informational
    }

    /// What the message leaves out; nothing is held back without being counted here.
    var footnotes: [String] {
        var lines: [String] = []
        if !further.isEmpty {
            lines.append(
                "\(further.count) more not shown: lazaret incidents, lazaret quarantine list")
        }
        if omitted > 0 {
            lines.append(
                "\(omitted) further events in this flood, of others: lazaret incidents")
        }
        if lost > 0 { lines.append("\(lost) events of earlier messages could not be delivered") }
        return lines
    }

    /// What `lazaret notify test` sends.
    static func test(node: String) -> Notice {
        Notice(node: node, items: [], isTest: true)
    }

    static let testText =
        "This is a test: notifications of lazaret arrive here. Nothing has happened."
}
