internal import Events
internal import TextFormats

/// Messages for the incoming webhooks of chats.
///
/// Whatever comes from packets, names and labels stands in code spans, whose only special character
/// is replaced, and mentions and links are made unreadable for the chat.
enum ChatMessage {
    /// The body of the request.
    static func json(_ notice: Notice, for kind: NotifyEntry.Kind) -> [UInt8] {
        Array((kind == .slack ? slack(notice) : mattermost(notice)).text.utf8)
    }

    // MARK: - Slack

    private static func slack(_ notice: Notice) -> JSONObject {
        var blocks: [JSONObject] = [section("*\(escaped(notice.title, .slack))*")]
        if notice.isTest { blocks.append(section(Notice.testText)) }
        for item in notice.items { blocks.append(section(text(item, .slack))) }
        if !notice.footnotes.isEmpty {
            blocks.append(section(notice.footnotes.joined(separator: "\n")))
        }
        var attachment = JSONObject()
        attachment.put("color", color(notice))
        attachment.put("blocks", blocks)
        var message = JSONObject()
        // What the notification of a telephone shows.
        message.put("text", summary(notice, .slack))
        message.put("attachments", [attachment])
        message.put("unfurl_links", false)
        message.put("unfurl_media", false)
        return message
    }

    private static func section(_ text: String) -> JSONObject {
        var part = JSONObject()
        part.put("type", "mrkdwn")
        part.put("text", text)
        // No links, names of channels and mentions are made of the text.
        part.put("verbatim", true)
        var block = JSONObject()
        block.put("type", "section")
        block.put("text", part)
        return block
    }

    // MARK: - Mattermost

    private static func mattermost(_ notice: Notice) -> JSONObject {
        var attachments = notice.items.map { item in
            var attachment = JSONObject()
            attachment.put("fallback", escaped(item.who, .mattermost))
            attachment.put("color", color(notice))
            attachment.put("text", text(item, .mattermost))
            return attachment
        }
        let rest = notice.isTest ? [Notice.testText] : notice.footnotes
        if !rest.isEmpty {
            var attachment = JSONObject()
            attachment.put("fallback", rest[0])
            attachment.put("text", rest.joined(separator: "\n"))
            attachments.append(attachment)
        }
        var message = JSONObject()
        message.put("text", summary(notice, .mattermost))
        message.put("attachments", attachments)
        return message
    }

    // MARK: - Text

    private static func color(_ notice: Notice) -> String {
        switch notice.severity {
        case .high: "#d02020"
        case .medium: "#e08a00"
        case .low, .informational: "#808080"
        }
    }

    private static func summary(_ notice: Notice, _ kind: NotifyEntry.Kind) -> String {
        let title = escaped(notice.title, kind)
        guard !notice.items.isEmpty else { return title }
        let names = notice.items.prefix(3).map { code($0.who, kind) }
        let more = notice.items.count + notice.further.count - names.count
        return "\(title): \(names.joined(separator: ", "))" + (more > 0 ? ", …" : "")
    }

    /// One incident, with the command that ends its fence.
    private static func text(_ item: NoticeItem, _ kind: NotifyEntry.Kind) -> String {
        let bold = kind == .slack ? "*" : "**"
        let titles = item.titles.map { escaped($0, kind) }.joined(separator: ", ")
        var text = "\(code(item.who, kind))"
        if !titles.isEmpty { text += " \(bold)\(titles)\(bold) (\(item.severity.word))" }
        for (heading, value, _) in item.facts {
            text += "\n\(heading.isEmpty ? "" : "\(heading): ")\(code(value, kind))"
        }
        return text
    }

    /// A code span: nothing in it is formatted.
    private static func code(_ text: String, _ kind: NotifyEntry.Kind) -> String {
        "`\(escaped(text, kind))`"
    }

    /// The longest value, escaped. A section of Slack has at most 3000 characters, and a message
    /// with a longer one would be refused as a whole.
    private static let valueLimit = 280

    /// The text without characters that begin a mention, a link or a format.
    ///
    /// Slack decodes three entities, and everything between `<` and `>` is a command without them.
    /// Mattermost decodes none, but reads Slack's commands, and `@channel`.
    static func escaped(_ text: String, _ kind: NotifyEntry.Kind) -> String {
        var result = ""
        var count = 0
        for scalar in text.printable.unicodeScalars {
            let next: String
            switch scalar {
            case "`": next = "'"
            case "&" where kind == .slack: next = "&amp;"
            case "<": next = kind == .slack ? "&lt;" : "‹"
            case ">": next = kind == .slack ? "&gt;" : "›"
            // A character without width ends what would be a name.
            case "@": next = "@\u{200B}"
            default: next = String(scalar)
            }
            count += next.unicodeScalars.count
            guard count < valueLimit else { return result + "…" }
            result += next
        }
        return result
    }
}
