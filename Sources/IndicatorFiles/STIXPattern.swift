/// The part of STIX 2.1 patterns that names addresses and names: `=`, `IN` and `ISSUBSET`, joined
/// by `OR`; and a destination with its port by `AND`, of which the port is not compared.
enum STIXPattern {
    typealias Found = (kind: IndicatorDocument.Entry.Kind, value: String)

    private enum Token: Equatable {
        case word(String)
        case text(String)
        case mark(UInt8)
    }

    /// The longest pattern that is read.
    private static let longest = 65_536

    /// The values of a pattern; nil for a pattern of any other form.
    static func values(of pattern: String) -> [Found]? {
        guard pattern.utf8.count <= longest, let tokens = tokens(of: Array(pattern.utf8)) else {
            return nil
        }
        var rest = tokens[...]
        var found: [Found] = []
        while true {
            guard rest.popFirst() == .mark(UInt8(ascii: "[")),
                observation(&rest, &found)
            else { return nil }
            guard let next = rest.popFirst() else { return found }
            guard next == .word("OR") else { return nil }
        }
    }

    /// Comparisons up to the closing bracket.
    private static func observation(
        _ rest: inout ArraySlice<Token>, _ found: inout [Found]
    ) -> Bool {
        var (ports, destinations, others) = (0, 0, 0)
        var (hasAnd, hasOr) = (false, false)
        while true {
            guard case .word(let path) = rest.popFirst() else { return false }
            if path == "network-traffic:dst_port" {
                guard rest.popFirst() == .mark(UInt8(ascii: "=")),
                    case .word(let number) = rest.popFirst(), UInt16(number) != nil
                else { return false }
                ports += 1
            } else {
                guard let kind = kinds[path], let values = comparison(&rest) else { return false }
                if path.hasPrefix("network-traffic") { destinations += 1 } else { others += 1 }
                found += values.map { (kind, $0) }
            }
            switch rest.popFirst() {
            case .mark(UInt8(ascii: "]")):
                // A port alone, or one that is joined by OR, is every host's.
                guard ports == 0 || hasAnd && destinations > 0 else { return false }
                guard !hasAnd || !hasOr && destinations == 1 && others == 0 && ports == 1 else {
                    return false
                }
                return true
            case .word("AND"): hasAnd = true
            case .word("OR"): hasOr = true
            default: return false
            }
        }
    }

    private static let kinds: [String: IndicatorDocument.Entry.Kind] = [
        "ipv4-addr:value": .address, "ipv6-addr:value": .address, "domain-name:value": .name,
        "network-traffic:dst_ref.value": .address,
    ]

    private static func comparison(_ rest: inout ArraySlice<Token>) -> [String]? {
        switch rest.popFirst() {
        case .mark(UInt8(ascii: "=")), .word("ISSUBSET"):
            guard case .text(let value) = rest.popFirst() else { return nil }
            return [value]
        case .word("IN"):
            guard rest.popFirst() == .mark(UInt8(ascii: "(")) else { return nil }
            var values: [String] = []
            while true {
                guard case .text(let value) = rest.popFirst() else { return nil }
                values.append(value)
                switch rest.popFirst() {
                case .mark(UInt8(ascii: ",")): continue
                case .mark(UInt8(ascii: ")")): return values
                default: return nil
                }
            }
        default: return nil
        }
    }

    private static func tokens(of bytes: [UInt8]) -> [Token]? {
        var tokens: [Token] = []
        var at = 0
        while at < bytes.count {
            switch bytes[at] {
            case 9, 10, 13, 32: at += 1
            case UInt8(ascii: "'"):
                var text: [UInt8] = []
                at += 1
                while at < bytes.count, bytes[at] != UInt8(ascii: "'") {
                    if bytes[at] == UInt8(ascii: "\\") { at += 1 }
                    guard at < bytes.count else { return nil }
                    text.append(bytes[at])
                    at += 1
                }
                guard at < bytes.count else { return nil }
                at += 1
                tokens.append(.text(String(decoding: text, as: UTF8.self)))
            case UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "("), UInt8(ascii: ")"),
                UInt8(ascii: ","), UInt8(ascii: "="):
                tokens.append(.mark(bytes[at]))
                at += 1
            default:
                let start = at
                while at < bytes.count, isWord(bytes[at]) { at += 1 }
                guard at > start else { return nil }
                tokens.append(.word(String(decoding: bytes[start..<at], as: UTF8.self)))
            }
        }
        return tokens
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "."), UInt8(ascii: ":"):
            true
        default: false
        }
    }
}
