import AnomalyDetection
import AttackPatterns
import Events
import FeatureExtraction
import Foundation
import NetworkAddresses
import Quarantine
import Testing

@testable import EventDelivery
import Timestamps

/// An alert about a named or unnamed host.
func notedAlert(
    _ address: String, name: String? = nil, _ pattern: Pattern = .verticalScan,
    _ severity: Event.Severity = .medium, reason: String = "many ports"
) throws -> Event {
    let offender = try #require(IPAddress(address))
    var alert = Event.Alert(
        identifier: "0123456789abcdef", looksLike: pattern, severity: severity, offender: offender,
        workload: name ?? "\(offender)", scale: .short, score: 0.9)
    alert.pattern = pattern
    alert.reasons = [Event.Alert.Reason(text: reason)]
    return Event(time: Clock.now(), .alert(alert))
}

/// A change of a rule.
func notedChange(
    _ action: Event.QuarantineChange.Action, _ target: String, name: String? = nil,
    failure: String? = nil, reason: String = "a port scan"
) throws -> Event {
    let target = try #require(QuarantineTarget(target))
    var change = Event.QuarantineChange(
        quarantineID: "q1", action: action, target: target, response: .drop,
        until: Clock.now() + .seconds(600), reason: reason, undo: "")
    change.workload = name
    change.failure = failure
    return Event(time: Clock.now(), .quarantine(change))
}

/// A collector that expectations may change.
final class Collected {
    private var collector: NoticeCollector

    init(_ change: (inout NotifyEntry) -> Void = { _ in }) {
        var entry = NotifyEntry()
        change(&entry)
        collector = NoticeCollector(entry, node: "gw1")
    }

    var isEmpty: Bool { collector.isEmpty }
    var toldCount: Int { collector.toldCount }

    func take(_ brief: EventBrief, now: Instant) -> Bool { collector.take(brief, now: now) }
    func isDue(_ now: Instant) -> Bool { collector.isDue(now) }
    func notice() -> Notice { collector.notice() }
    func sent(_ notice: Notice, now: Instant) { collector.sent(notice, now: now) }
    func refused(_ notice: Notice, now: Instant) { collector.refused(notice, now: now) }
    func takeBack(_ notice: Notice, now: Instant) { collector.takeBack(notice, now: now) }
}

/// What is told, and what is only counted.
struct NoticeTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)

    private func brief(_ event: Event) throws -> EventBrief { try #require(EventBrief(event)) }

    @Test func aFloodIsOneMessageThatStatesWhatItLeavesOut() throws {
        let collector = Collected()
        for number in 0..<5000 {
            let event = try notedAlert("10.1.\(number / 250).\(number % 250)")
            #expect(collector.take(try brief(event), now: start))
        }
        // It must not hide the one that matters.
        #expect(
            collector.take(
                try brief(notedAlert("10.60.4.13", name: "worker", .guessing, .high)), now: start))
        #expect(collector.take(try brief(notedChange(.add, "10.60.4.13")), now: start))
        #expect(!collector.isDue(start) && collector.isDue(start + .seconds(5)))
        let notice = collector.notice()
        #expect(collector.isEmpty && !collector.isDue(start + .seconds(500)))
        #expect(notice.items.count == 10 && notice.further.count == 90)
        #expect(notice.events == 5002 && notice.omitted == 4901)
        let first = try #require(notice.items.first)
        #expect(first.who == "worker (10.60.4.13)" && first.severity == .high)
        #expect(first.release == "lazaret quarantine release 10.60.4.13")
        let text = MailText.text(notice)
        #expect(text.contains("90 more not shown") && text.contains("\(notice.omitted) further"))
        for kind in [NotifyEntry.Kind.slack, .mattermost] {
            let json = String(decoding: ChatMessage.json(notice, for: kind), as: UTF8.self)
            #expect(json.contains("90 more not shown") && json.utf8.count < 40_000)
            #expect(json.contains("\(notice.omitted) further"))
        }
    }

    @Test func messagesKeepTheirDistance() throws {
        let collector = Collected { $0.interval = .seconds(60) }
        #expect(collector.take(try brief(notedAlert("10.0.0.1")), now: start))
        let notice = collector.notice()
        collector.sent(notice, now: start)
        #expect(collector.take(try brief(notedAlert("10.0.0.2")), now: start + .seconds(1)))
        #expect(!collector.isDue(start + .seconds(59)))
        #expect(collector.isDue(start + .seconds(60)))
    }

    @Test func whatContinuesIsToldAgainAfterAWhileWithItsNumber() throws {
        let collector = Collected { $0.repeats = .seconds(3600) }
        let scan = try brief(notedAlert("10.0.0.1", name: "worker"))
        #expect(collector.take(scan, now: start))
        collector.sent(collector.notice(), now: start)
        for second in 1...50 {
            #expect(!collector.take(scan, now: start + .seconds(second * 10)))
        }
        #expect(!collector.isDue(start + .seconds(3000)))
        // Another pattern, a higher severity and a fence are news.
        let later = start + .seconds(600)
        let news = [
            try notedAlert("10.0.0.1", name: "worker", .synFlood),
            try notedAlert("10.0.0.1", name: "worker", .verticalScan, .high),
            try notedChange(.add, "10.0.0.1"), try notedChange(.release, "10.0.0.1"),
        ]
        for event in news {
            #expect(collector.take(try brief(event), now: later))
            collector.sent(collector.notice(), now: later)
        }
        // The same refusal is not told with each window.
        let refusal = try brief(notedChange(.refuse, "10.0.0.1"))
        #expect(collector.take(refusal, now: later))
        collector.sent(collector.notice(), now: later)
        for _ in 0..<7 { #expect(!collector.take(refusal, now: later)) }
        #expect(!collector.take(scan, now: later))
        let again = later + .seconds(3600)
        #expect(collector.take(scan, now: again))
        let item = try #require(collector.notice().items.first)
        #expect(item.repeated == 8)
        #expect(item.facts.contains { $0.text.contains("8 more since the last message") })
    }

    @Test func theLeastSeverityHoldsForAlertsAndNotForFences() throws {
        let collector = Collected { $0.level = .high }
        #expect(!collector.take(try brief(notedAlert("10.0.0.1")), now: start))
        #expect(collector.take(try brief(notedAlert("10.0.0.2", .guessing, .high)), now: start))
        #expect(collector.take(try brief(notedChange(.add, "10.0.0.3")), now: start))
        #expect(!collector.take(try brief(notedChange(.refuse, "10.0.0.4")), now: start))
        let failed = try brief(notedChange(.refuse, "10.0.0.5", failure: "no memory"))
        #expect(collector.take(failed, now: start))
        #expect(collector.notice().title == "gw1: 1 incident, 1 fenced, 1 FAILED")
    }

    @Test func nothingIsLostWhereAMessageFails() throws {
        let collector = Collected()
        #expect(collector.take(try brief(notedAlert("10.0.0.1", name: "worker")), now: start))
        let first = collector.notice()
        #expect(collector.take(try brief(notedChange(.add, "10.0.0.1")), now: start))
        collector.takeBack(first, now: start)
        let both = collector.notice()
        #expect(both.events == 2 && both.items.count == 1)
        let item = try #require(both.items.first)
        #expect(item.titles == ["port scan"] && item.fence == .active && item.alerts == 1)
        // A message that is refused for good is counted in the next one.
        collector.refused(both, now: start)
        #expect(collector.take(try brief(notedAlert("10.0.0.2")), now: start))
        let next = collector.notice()
        #expect(next.lost == 2)
        #expect(MailText.text(next).contains("2 events of earlier messages could not be delivered"))
    }

    @Test func whatIsKnownToHaveBeenToldIsBounded() throws {
        let collector = Collected()
        for number in 0..<200 {
            for host in 0..<50 {
                let event = try notedAlert("10.2.\(number).\(host)")
                _ = collector.take(try brief(event), now: start + .seconds(number))
            }
            collector.sent(collector.notice(), now: start + .seconds(number))
        }
        #expect(collector.toldCount <= NoticeCollector.mostTold)
    }
}

/// What an attacker puts into a name, a label or a host name.
struct NoticeInjectionTests {
    private static let names = [
        "<!channel> <@U123> <http://evil.example|click>", "@channel @all @here @admin",
        "`*b* _i_ ~s~`", "a\r\nBcc: victim@example.org\r\n\r\n.\r\nMAIL FROM:<x@y>",
        "\u{202E}gnp.exe\u{2066}", String(repeating: "&<>@", count: 500),
        "a" + String(repeating: "\u{0301}", count: 20_000), "\u{1B}[2J\u{0}", "[x](javascript:y)",
        "=?UTF-8?B?PHNjcmlwdD4=?=", "\"},{\"text\":\"x",
    ]

    private func notice(_ name: String) throws -> Notice {
        let collector = Collected()
        let now = Clock.monotonic()
        var alert = try notedAlert("10.0.0.1", name: name, reason: name)
        if case .alert(var facts) = alert.payload {
            facts.target = AttackTarget(address: IPAddress("10.0.0.2"), workload: name)
            facts.reasons = (0..<5).map { Event.Alert.Reason(text: "\($0) \(name)") }
            facts.identifier = name
            alert.payload = .alert(facts)
        }
        let change = try notedChange(.add, "10.0.0.1", name: name, reason: name)
        for event in [alert, change] {
            _ = collector.take(try #require(EventBrief(event)), now: now)
        }
        return collector.notice()
    }

    private func object(_ bytes: [UInt8]) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }

    @Test(arguments: names)
    func slackSeesNoCommandAndNoFormat(name: String) throws {
        let message = try object(ChatMessage.json(notice(name), for: .slack))
        let attachment = try #require((message["attachments"] as? [[String: Any]])?.first)
        let blocks = try #require(attachment["blocks"] as? [[String: Any]])
        #expect(blocks.count <= 50 && blocks.count >= 2)
        var texts = [try #require(message["text"] as? String)]
        for block in blocks {
            let part = try #require(block["text"] as? [String: Any])
            #expect(part["verbatim"] as? Bool == true)
            texts.append(try #require(part["text"] as? String))
        }
        for text in texts {
            #expect(text.unicodeScalars.count <= 3000, "\(text.unicodeScalars.count)")
            #expect(!text.contains("<") && !text.contains(">"))
            #expect(!text.contains("@channel") && !text.contains("@here"))
            // Each line of facts is one code span.
            for line in text.split(separator: "\n") where line.contains(":") {
                #expect(line.count { $0 == "`" } % 2 == 0, "\(line)")
            }
            let isClean = text.unicodeScalars.allSatisfy {
                $0.value == 10 || $0.value == 0x200B || $0.value >= 0x20 && $0.value != 0x202E
            }
            #expect(isClean)
        }
        #expect(texts.joined().contains("lazaret quarantine release 10.0.0.1"))
    }

    @Test(arguments: names)
    func mattermostSeesNoMentionAndNoLink(name: String) throws {
        let bytes = ChatMessage.json(try notice(name), for: .mattermost)
        let message = try object(bytes)
        let attachments = try #require(message["attachments"] as? [[String: Any]])
        let texts =
            [message["text"] as? String] + attachments.map { $0["text"] as? String }
            + attachments.map { $0["fallback"] as? String }
        for text in texts.compactMap(\.self) {
            #expect(!text.contains("<") && !text.contains(">"))
            let mentions = ["@channel", "@all", "@here", "@admin"].filter(text.contains)
            #expect(mentions.isEmpty)
            #expect(text.unicodeScalars.count <= 4000)
        }
        #expect(texts.compactMap(\.self).joined().contains("lazaret quarantine release 10.0.0.1"))
    }

    @Test(arguments: names)
    func aMailHasTheHeadersOfItsConfigurationOnly(name: String) throws {
        let mail = MailText(
            from: "lazaret@example.org", recipients: ["ops@example.org", "b@example.org"],
            node: "gw1", time: Timestamp(second: 1_795_826_439), identifier: "1.2")
        let bytes = mail.message(try notice(name))
        let text = String(decoding: bytes, as: UTF8.self)
        let parts = text.components(separatedBy: "\r\n\r\n")
        try #require(parts.count == 2)
        #expect(
            parts[0].components(separatedBy: "\r\n") == [
                "From: Lazaret <lazaret@example.org>", "To: ops@example.org,", " b@example.org",
                "Subject: [lazaret] gw1: 1 incident, 1 fenced",
                "Date: Sat, 28 Nov 2026 00:40:39 +0000", "Message-ID: <1.2@gw1>",
                "Auto-Submitted: auto-generated", "X-Priority: 3", "MIME-Version: 1.0",
                "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64",
            ])
        // Nothing but base64 lines follows, so nothing can end the message early.
        #expect(bytes.allSatisfy { $0 < 0x7F })
        let lines = parts[1].components(separatedBy: "\r\n")
        #expect(lines.allSatisfy { $0.utf8.count <= 76 && !$0.hasPrefix(".") })
        let body = try #require(Data(base64Encoded: lines.joined()))
        let decoded = String(decoding: body, as: UTF8.self)
        #expect(decoded.contains("release   lazaret quarantine release 10.0.0.1"))
        let isClean = decoded.unicodeScalars.allSatisfy {
            $0.value == 10 || $0.value == 13 || $0.value >= 0x20 && $0.value != 0x202E
        }
        #expect(isClean && decoded.components(separatedBy: "\r\n").count < 30)
    }

    @Test func aSubjectIsOneLine() {
        #expect(MailText.encoded("plain text") == "plain text")
        let hostile = MailText.encoded("a\r\nBcc: b@c")
        #expect(hostile == "a??Bcc: b@c")
        #expect(MailText.encoded("=?UTF-8?B?eA==?=").hasPrefix("=?UTF-8?B?PT9V"))
        let long = MailText.encoded(String(repeating: "ü€😀", count: 100))
        for line in long.components(separatedBy: "\r\n ") {
            #expect(line.hasPrefix("=?UTF-8?B?") && line.hasSuffix("?=") && line.utf8.count <= 75)
            let word = Data(base64Encoded: String(line.dropFirst(10).dropLast(2)))
            #expect(word.flatMap { String(data: $0, encoding: .utf8) } != nil)
        }
    }
}
