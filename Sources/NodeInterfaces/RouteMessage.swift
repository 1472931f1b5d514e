/// A message of rtnetlink(7), in the host's byte order.
struct RouteMessage {
    /// The numbers of `linux/rtnetlink.h` and `linux/netlink.h` in use here.
    enum Kind {
        static let error: UInt16 = 2
        static let done: UInt16 = 3
        static let newLink: UInt16 = 16
        static let deleteLink: UInt16 = 17
        static let getLink: UInt16 = 18
        static let newAddress: UInt16 = 20
        static let deleteAddress: UInt16 = 21
        static let getAddress: UInt16 = 22
        static let newRoute: UInt16 = 24
        static let deleteRoute: UInt16 = 25
        static let getRoute: UInt16 = 26
        static let newNamespace: UInt16 = 88
        static let getNamespace: UInt16 = 90
    }

    enum Flag {
        static let request: UInt16 = 1
        static let acknowledge: UInt16 = 4
        /// The list changed while it was read.
        static let interrupted: UInt16 = 0x10
        static let dump: UInt16 = 0x300
    }

    var kind: UInt16
    var flags: UInt16 = 0
    var sequence: UInt32 = 0
    /// The payload after the header of 16 bytes.
    var body: ArraySlice<UInt8>

    /// The messages of one datagram; nil where its lengths do not add up.
    static func split(_ bytes: ArraySlice<UInt8>) -> [RouteMessage]? {
        var messages: [RouteMessage] = []
        var rest = bytes
        while rest.count >= 16 {
            let length = Int(rest.native32(0))
            guard length >= 16, length <= rest.count else { return nil }
            messages.append(
                RouteMessage(
                    kind: rest.native16(4), flags: rest.native16(6), sequence: rest.native32(8),
                    body: rest.dropFirst(16).prefix(length - 16)))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return rest.isEmpty ? messages : nil
    }

    var bytes: [UInt8] {
        let length = UInt32(16 + body.count)
        return length.nativeBytes + kind.nativeBytes + flags.nativeBytes + sequence.nativeBytes
            + UInt32(0).nativeBytes + body
    }

    /// The error number in an error message; 0 means success.
    var errorCode: Int32 { body.count >= 4 ? -Int32(bitPattern: body.native32(0)) : 0 }

    /// An attribute: length, type, value, padding.
    static func attribute(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
        let padding = [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
        return UInt16(4 + value.count).nativeBytes + type.nativeBytes + value + padding
    }
}

extension ArraySlice<UInt8> {
    /// Calls `body` with type and value of each attribute; stops where lengths do not add up.
    func forEachAttribute(_ body: (UInt16, ArraySlice<UInt8>) -> Void) {
        var rest = self
        while rest.count >= 4 {
            let length = Int(rest.native16(0))
            guard length >= 4, length <= rest.count else { return }
            // The two highest bits say how a value is encoded (NLA_F_NESTED, NLA_F_NET_BYTEORDER).
            body(rest.native16(2) & 0x3FFF, rest.dropFirst(4).prefix(length - 4))
            rest = rest.dropFirst((length + 3) & ~3)
        }
    }

    /// A number of 16 bits; 0 where the bytes end before.
    func native16(_ offset: Int) -> UInt16 { UInt16(truncatingIfNeeded: native(offset, 2)) }

    /// A number of 32 bits; 0 where the bytes end before.
    func native32(_ offset: Int) -> UInt32 { UInt32(truncatingIfNeeded: native(offset, 4)) }

    private func native(_ offset: Int, _ size: Int) -> UInt64 {
        guard count >= offset + size else { return 0 }
        var value: UInt64 = 0
        for place in 0..<size {
            #if _endian(big)
                value = value << 8 | UInt64(self[startIndex + offset + place])
            #else
                value |= UInt64(self[startIndex + offset + place]) << UInt64(place * 8)
            #endif
        }
        return value
    }

    /// The text up to the first zero byte.
    var text: String { String(decoding: prefix { $0 != 0 }, as: UTF8.self) }
}

extension FixedWidthInteger {
    /// The bytes in the host's order.
    var nativeBytes: [UInt8] {
        let bits = Self.bitWidth / 8
        #if _endian(big)
            return (0..<bits).reversed().map { UInt8(truncatingIfNeeded: self >> Self($0 * 8)) }
        #else
            return (0..<bits).map { UInt8(truncatingIfNeeded: self >> Self($0 * 8)) }
        #endif
    }
}
