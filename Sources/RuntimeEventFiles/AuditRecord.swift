/// One record of auditd's log, as it is written: `type=SYSCALL msg=audit(1795687200.123:4711): …`.
struct AuditRecord {
    /// All records of one event have these in common.
    struct Key: Hashable {
        var node: String
        var time: String
        var serial: String
    }

    let key: Key
    let type: String
    /// Nanoseconds since 1970.
    let nanoseconds: Int64
    /// The first value of each field, without quotes. What a program has written into `msg='…'` is
    /// left out.
    let fields: [String: String]

    /// The most fields of a record that are looked at.
    private static let mostFields = 128

    /// Nil for a line that is no record.
    init?(_ line: ArraySlice<UInt8>) {
        // What auditd adds to the record for people follows this byte.
        let raw = line.prefix { $0 != 0x1D }
        var words = Words(rest: raw)
        var (node, type) = ("", "")
        var fields: [String: String] = [:]
        var stamp: (time: String, serial: String)?
        for _ in 0..<Self.mostFields {
            guard let (name, value, isQuoted) = words.next() else { break }
            switch name {
            case "node" where stamp == nil: node = value
            case "type" where stamp == nil: type = value
            case "msg" where stamp == nil:
                guard let found = Self.stamp(value) else { return nil }
                stamp = found
            default:
                guard stamp != nil, fields[name] == nil else { continue }
                fields[name] = isQuoted || !Self.mayBeHex.contains(name) ? value : Self.text(value)
            }
        }
        guard let stamp, !type.isEmpty, let time = Self.nanoseconds(stamp.time) else { return nil }
        key = Key(node: node, time: stamp.time, serial: stamp.serial)
        self.type = type
        nanoseconds = time
        self.fields = fields
    }

    /// The fields that processes choose: quoted, or in hexadecimal digits.
    private static let mayBeHex: Set<String> = ["comm", "exe", "key", "proctitle", "cwd", "name"]

    /// `audit(1795687200.123:4711):`
    private static func stamp(_ text: String) -> (time: String, serial: String)? {
        guard text.hasPrefix("audit("), let end = text.firstIndex(of: ")") else { return nil }
        let parts = text.dropFirst(6).prefix(upTo: end).split(separator: ":")
        guard parts.count == 2, UInt64(parts[1]) != nil else { return nil }
        return (String(parts[0]), String(parts[1]))
    }

    private static func nanoseconds(_ text: String) -> Int64? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[1].utf8.count == 3, let seconds = Int64(parts[0]),
            (0..<9_000_000_000).contains(seconds), let thousandths = Int64(parts[1])
        else { return nil }
        return seconds * 1_000_000_000 + thousandths * 1_000_000
    }

    /// Hexadecimal digits as text, in which a zero byte separates arguments; other text as it is.
    private static func text(_ value: String) -> String {
        let digits = Array(value.utf8)
        guard digits.count >= 2, digits.count % 2 == 0 else { return value }
        var bytes: [UInt8] = []
        for at in stride(from: 0, to: digits.count, by: 2) {
            guard let high = hexDigit(digits[at]), let low = hexDigit(digits[at + 1]) else {
                return value
            }
            bytes.append(high << 4 | low)
        }
        return String(decoding: bytes.map { $0 == 0 ? 32 : $0 }, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// The peer in `saddr`: the family in the byte order of the machine, the port in that of the
    /// network.
    static func peer(ofSocketAddress text: String) -> String? {
        let digits = Array(text.utf8)
        func byte(_ at: Int) -> UInt8? {
            guard digits.count >= at * 2 + 2, let high = hexDigit(digits[at * 2]),
                let low = hexDigit(digits[at * 2 + 1])
            else { return nil }
            return high << 4 | low
        }
        guard let first = byte(0), let second = byte(1) else { return nil }
        let family = first == 0 ? second : first
        guard family == 2 || family == 10, let high = byte(2), let low = byte(3) else { return nil }
        let (start, count) = family == 2 ? (4, 4) : (8, 16)
        let address = (start..<start + count).compactMap(byte)
        guard address.count == count else { return nil }
        let port = Int(high) << 8 | Int(low)
        if family == 2 {
            return address.map { "\($0)" }.joined(separator: ".") + " \(port)"
        }
        let groups = stride(from: 0, to: 16, by: 2).map {
            String(Int(address[$0]) << 8 | Int(address[$0 + 1]), radix: 16)
        }
        return groups.joined(separator: ":") + " \(port)"
    }
}

/// The fields of a record: `name=value`, `name="value"`, `name='value'`; words without `=` belong
/// to the value before, and are left out.
private struct Words {
    var rest: ArraySlice<UInt8>

    mutating func next() -> (name: String, value: String, isQuoted: Bool)? {
        while true {
            rest = rest.drop { $0 == 0x20 }
            guard !rest.isEmpty else { return nil }
            let name = rest.prefix { $0 != 0x20 && $0 != UInt8(ascii: "=") }
            rest = rest[name.endIndex...]
            guard rest.first == UInt8(ascii: "=") else { continue }
            rest = rest.dropFirst()
            let quote = rest.first
            var value: ArraySlice<UInt8>
            let isQuoted = quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'")
            if isQuoted {
                rest = rest.dropFirst()
                value = rest.prefix { $0 != quote }
                rest = rest[value.endIndex...].dropFirst()
            } else {
                value = rest.prefix { $0 != 0x20 }
                rest = rest[value.endIndex...]
            }
            return (
                String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self),
                isQuoted
            )
        }
    }
}
