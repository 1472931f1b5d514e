/// The attributes in `bytes` in order; ends at the first with an invalid length.
package struct NetlinkAttributes: Sequence, IteratorProtocol {
    private var rest: ArraySlice<UInt8>

    package init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    package mutating func next() -> (type: UInt16, value: ArraySlice<UInt8>)? {
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
    package func attribute(_ type: UInt16) -> ArraySlice<UInt8>? {
        for (found, value) in NetlinkAttributes(self) where found == type { return value }
        return nil
    }

    /// These bytes as a number in network order.
    package var big: UInt64 { reduce(0) { $0 << 8 | UInt64($1) } }

    /// The first four bytes as a number in the machine's order, which is little-endian; 0 if there
    /// are fewer.
    package var native32: UInt32 {
        guard count >= 4 else { return 0 }
        let at = startIndex
        return UInt32(self[at]) | UInt32(self[at + 1]) << 8 | UInt32(self[at + 2]) << 16
            | UInt32(self[at + 3]) << 24
    }

    /// The first two bytes as a number in the machine's order; 0 if there are fewer.
    package var native16: UInt16 {
        guard count >= 2 else { return 0 }
        return UInt16(self[startIndex]) | UInt16(self[startIndex + 1]) << 8
    }

    /// Text up to its zero byte.
    package var text: String { String(decoding: prefix { $0 != 0 }, as: UTF8.self) }
}
