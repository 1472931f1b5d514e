internal import NetworkAddresses
internal import Quarantine
internal import TextFormats
internal import Timestamps

/// Text of the configuration with variables such as `{{address}}`.
enum ResponseTemplate {
    /// How the value of a variable is written.
    enum Escaping: Sendable { case url, json, text }

    /// The variables that name a target, each of one kind of target.
    static let targets: Set<String> = ["address", "prefix", "mac", "port"]
    /// The variable that `capture` sets.
    static let captured = "captured"
    static let variables = targets.union([
        "target", "family", "workload", "reason", "event", "rule", "response", "until", "seconds",
        "entry",
    ])

    /// The names of the variables in `text`; nil: braces are left open.
    static func names(in text: String) -> [String]? {
        var names: [String] = []
        var rest = text[...]
        while let open = rest.range(of: "{{") {
            guard let close = rest[open.upperBound...].range(of: "}}") else { return nil }
            names.append(String(rest[open.upperBound..<close.lowerBound]))
            rest = rest[close.upperBound...]
        }
        return names
    }

    /// Replaces the variables; a value is never read as a template again.
    static func fill(
        _ text: String, _ values: [String: String], _ escaping: Escaping
    ) -> String {
        var result = ""
        var rest = text[...]
        while let open = rest.range(of: "{{"),
            let close = rest[open.upperBound...].range(of: "}}")
        {
            result += rest[..<open.lowerBound]
            let value = values[String(rest[open.upperBound..<close.lowerBound])] ?? ""
            result += escape(value, escaping)
            rest = rest[close.upperBound...]
        }
        return result + rest
    }

    static func escape(_ value: String, _ escaping: Escaping) -> String {
        switch escaping {
        case .json: String(JSONObject.quoted(value).dropFirst().dropLast())
        case .text: value.printable
        case .url:
            value.utf8.map { byte in
                let isPlain =
                    byte >= 0x30 && byte <= 0x39 || byte >= 0x41 && byte <= 0x5A
                    || byte >= 0x61 && byte <= 0x7A || "-._~:*".utf8.contains(byte)
                if isPlain { return String(UnicodeScalar(byte)) }
                let digits = String(byte, radix: 16, uppercase: true)
                return "%" + (digits.utf8.count < 2 ? "0" : "") + digits
            }.joined()
        }
    }

    /// The values for one rule.
    static func values(
        for rule: QuarantineRule, entry: String, workload: String?, now: Timestamp
    ) -> [String: String] {
        var values = [
            "target": "\(rule.target)", "workload": workload ?? "", "reason": rule.reason,
            "event": rule.eventID, "rule": rule.id, "response": rule.action.rawValue,
            "until": UTC.timestamp(rule.expires), "entry": entry,
            "seconds": "\(max(1, (rule.expires - now).wholeSeconds))",
        ]
        switch rule.target {
        case .prefix(let prefix):
            let length = prefix.length
            values["prefix"] = prefix.isHost ? "\(prefix.address)/\(length)" : "\(prefix)"
            if prefix.isHost { values["address"] = "\(prefix.address)" }
            values["family"] = prefix.address.isIPv4 ? "4" : "6"
        case .link(let link): values["mac"] = "\(link)"
        case .port(let name): values["port"] = name
        }
        return values
    }
}

extension Substring {
    /// The first place of an ASCII text.
    fileprivate func range(of text: String) -> Range<Index>? {
        let wanted = Array(text.utf8)
        var at = utf8.startIndex
        while at < utf8.endIndex {
            let rest = utf8[at...]
            if rest.starts(with: wanted) {
                return at..<utf8.index(at, offsetBy: wanted.count)
            }
            at = utf8.index(after: at)
        }
        return nil
    }
}
