/// One netlink message as it was received.
struct NetlinkMessage {
    var type: UInt16
    var flags: UInt16
    var sequence: UInt32
    var port: UInt32
    /// What follows the 16-byte header.
    var payload: ArraySlice<UInt8>

    /// The messages in a datagram; nil when a length does not fit.
    static func split(_ bytes: [UInt8]) -> [NetlinkMessage]? {
        var messages: [NetlinkMessage] = []
        var at = 0
        while at + 16 <= bytes.count {
            let length = Int(bytes[at...].native32)
            guard length >= 16, at + length <= bytes.count else { return nil }
            messages.append(
                NetlinkMessage(
                    type: bytes[(at + 4)...].native16, flags: bytes[(at + 6)...].native16,
                    sequence: bytes[(at + 8)...].native32, port: bytes[(at + 12)...].native32,
                    payload: bytes[(at + 16)..<(at + length)]))
            at += (length + 3) & ~3
        }
        return messages
    }
}

/// The attributes in `bytes`, one after the other; ends at the first that does not fit.
struct NetlinkAttributes: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    mutating func next() -> (type: UInt16, value: ArraySlice<UInt8>)? {
        guard rest.count >= 4 else { return nil }
        let length = Int(rest.native16)
        guard length >= 4, length <= rest.count else { return nil }
        let type = rest.dropFirst(2).native16 & 0x3FFF
        let value = rest[(rest.startIndex + 4)..<(rest.startIndex + length)]
        rest = rest.dropFirst((length + 3) & ~3)
        return (type, value)
    }
}

extension ArraySlice<UInt8> {
    /// The first attribute of `type`, or nil.
    func attribute(_ type: UInt16) -> ArraySlice<UInt8>? {
        for (found, value) in NetlinkAttributes(self) where found == type { return value }
        return nil
    }

    /// The number in network order that this is.
    var big: UInt64 { reduce(0) { $0 << 8 | UInt64($1) } }

    /// The first four bytes as a number in the machine's order, which is little-endian; 0 when
    /// there are fewer.
    var native32: UInt32 {
        guard count >= 4 else { return 0 }
        let at = startIndex
        return UInt32(self[at]) | UInt32(self[at + 1]) << 8 | UInt32(self[at + 2]) << 16
            | UInt32(self[at + 3]) << 24
    }

    /// The first two bytes as a number in the machine's order; 0 when there are fewer.
    var native16: UInt16 {
        guard count >= 2 else { return 0 }
        return UInt16(self[startIndex]) | UInt16(self[startIndex + 1]) << 8
    }

    /// Text up to its zero byte.
    var text: String { String(decoding: prefix { $0 != 0 }, as: UTF8.self) }
}
