internal import Events
internal import FoundationEssentials
internal import TextFormats
internal import Timestamps

/// Messages as mail (RFC 5322). The text is base64, so that nothing in it can be a header, a line
/// that ends the message, or a part of another encoding.
struct MailText {
    var from: String
    var recipients: [String]
    var node: String
    var time: Timestamp
    /// Different for each message.
    var identifier: String

    func message(_ notice: Notice) -> [UInt8] {
        let domain = node.utf8.allSatisfy {
            $0 >= 0x30 && $0 <= 0x39 || $0 >= 0x41 && $0 <= 0x5A || $0 >= 0x61 && $0 <= 0x7A
                || $0 == 0x2D || $0 == 0x2E
        }
        let header = [
            "From: Lazaret <\(from)>",
            "To: \(recipients.joined(separator: ",\r\n "))",
            "Subject: \(Self.encoded("[lazaret] " + notice.title))",
            "Date: \(Self.date(time))",
            "Message-ID: <\(identifier)@\(domain && !node.isEmpty ? node : "localhost")>",
            // Answers of absent people are not wanted (RFC 3834).
            "Auto-Submitted: auto-generated",
            "X-Priority: \(notice.severity == .high ? "1" : "3")",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: base64",
        ]
        let body = Data(Self.text(notice).utf8).base64EncodedString(options: [
            .lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed,
        ])
        return Array((header.joined(separator: "\r\n") + "\r\n\r\n" + body + "\r\n").utf8)
    }

    /// The message as plain text.
    static func text(_ notice: Notice) -> String {
        var lines = [notice.title, ""]
        if notice.isTest { lines.append(Notice.testText) }
        for item in notice.items {
            let titles = item.titles.isEmpty ? "" : ": \(item.titles.joined(separator: ", "))"
            lines.append("\(item.who)\(titles) (\(item.severity.word))".printable)
            for (heading, value, _) in item.facts {
                let space = String(repeating: " ", count: max(0, 10 - heading.count))
                lines.append("  \(heading)\(space)\(value)".printable)
            }
            lines.append("")
        }
        return (lines + notice.footnotes).joined(separator: "\r\n") + "\r\n"
    }

    /// A header's text on one line; what is not plain ASCII as encoded words (RFC 2047).
    static func encoded(_ text: String) -> String {
        let text = text.short(200)
        let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } && !text.contains("=?")
        guard !isPlain || text.utf8.count > 200 else { return text }
        var words: [String] = []
        var part = ""
        for scalar in text.unicodeScalars {
            if part.utf8.count + String(scalar).utf8.count > 42 {
                words.append(part)
                part = ""
            }
            part.unicodeScalars.append(scalar)
        }
        return (words + [part]).map { "=?UTF-8?B?\(Data($0.utf8).base64EncodedString())?=" }
            .joined(separator: "\r\n ")
    }

    /// `Sat, 28 Nov 2026 00:40:39 +0000`.
    static func date(_ time: Timestamp) -> String {
        let seconds = Int64(time.second)
        let days = seconds >= 0 ? seconds / 86_400 : 0
        // The first day of the epoch was a Thursday.
        let day = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][Int(days % 7)]
        let parts = UTC.date(seconds).split(separator: "-")
        let months = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        guard parts.count == 3, let month = Int(parts[1]), months.indices.contains(month - 1) else {
            return "Thu, 01 Jan 1970 00:00:00 +0000"
        }
        return "\(day), \(parts[2]) \(months[month - 1]) \(parts[0]) \(UTC.clock(seconds)) +0000"
    }
}
