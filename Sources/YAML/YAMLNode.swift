/// One value of a YAML document, with its line.
package struct YAMLNode: Sendable {
    package enum Content: Sendable {
        /// A scalar; a plain one has no quotes, so it may be a number, a Boolean or null.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        /// In the file's order; no two keys have the same text.
        case mapping([(key: YAMLNode, value: YAMLNode)])
    }

    package let content: Content
    /// The line of the value, counted from 1.
    package let line: Int

    /// The text of a scalar, quoted or not.
    package var string: String? {
        guard case .scalar(let text, _) = content else { return nil }
        return text
    }

    package var sequence: [YAMLNode]? {
        guard case .sequence(let items) = content else { return nil }
        return items
    }

    package var mapping: [(key: YAMLNode, value: YAMLNode)]? {
        guard case .mapping(let pairs) = content else { return nil }
        return pairs
    }

    /// The value of a mapping's key; nil if there is no such key, or no mapping.
    package subscript(key: String) -> YAMLNode? {
        mapping?.first { $0.key.string == key }?.value
    }

    private var plain: String? {
        guard case .scalar(let text, isPlain: true) = content else { return nil }
        return text
    }

    /// Whether the value is null, explicitly or because it is empty.
    package var isNull: Bool {
        plain.map { ["", "~", "null", "Null", "NULL"].contains($0) } ?? false
    }

    /// The Boolean by the words of YAML 1.1, in upper or lower case.
    package var bool: Bool? {
        switch plain?.lowercased() {
        case "true", "yes", "on": true
        case "false", "no", "off": false
        default: nil
        }
    }

    /// An integer of YAML 1.1: decimal, 0x, 0b, and octal with 0o or 0; it may contain underscores.
    package var int: Int? {
        guard let text = plain?.filter({ $0 != "_" }), let first = text.first else { return nil }
        let digits = first == "-" || first == "+" ? text.dropFirst() : text[...]
        // Swift's parser would accept a second sign.
        guard digits.first?.isHexDigit == true else { return nil }
        let sign = first == "-" ? "-" : ""
        for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8), ("0", 8)]
        where digits.hasPrefix(prefix) && digits != "0" {
            return Int(sign + digits.dropFirst(prefix.count), radix: radix)
        }
        return Int(sign + digits)
    }
}
