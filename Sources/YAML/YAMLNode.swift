/// One value of a YAML document, and where it stands.
package struct YAMLNode: Sendable {
    package enum Content: Sendable {
        /// Plain: without quotes, so that it may stand for a number, a truth or nothing.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        /// In the file's order; no two keys have the same text.
        case mapping([(key: YAMLNode, value: YAMLNode)])
    }

    package let content: Content
    /// Counted from 1.
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

    /// The value of a mapping's key; nil where there is no such key, or no mapping.
    package subscript(key: String) -> YAMLNode? {
        mapping?.first { $0.key.string == key }?.value
    }

    private var plain: String? {
        guard case .scalar(let text, isPlain: true) = content else { return nil }
        return text
    }

    /// Whether nothing is given, in so many words or by leaving it empty.
    package var isNull: Bool {
        plain.map { ["", "~", "null", "Null", "NULL"].contains($0) } ?? false
    }

    /// YAML 1.1's words, in any case.
    package var bool: Bool? {
        switch plain?.lowercased() {
        case "true", "yes", "on": true
        case "false", "no", "off": false
        default: nil
        }
    }

    /// A whole number of YAML 1.1: decimal, 0x, 0b, and octal with 0o or 0; it may hold
    /// underscores.
    package var int: Int? {
        guard let text = plain?.filter({ $0 != "_" }), let first = text.first else { return nil }
        let digits = first == "-" || first == "+" ? text.dropFirst() : text[...]
        // A second sign is none of Swift's to read.
        guard digits.first?.isHexDigit == true else { return nil }
        let sign = first == "-" ? "-" : ""
        for (prefix, radix) in [("0x", 16), ("0b", 2), ("0o", 8), ("0", 8)]
        where digits.hasPrefix(prefix) && digits != "0" {
            return Int(sign + digits.dropFirst(prefix.count), radix: radix)
        }
        return Int(sign + digits)
    }
}
