/// A received netlink message.
package struct NetlinkMessage {
    package var type: UInt16
    package var flags: UInt16
    package var sequence: UInt32
    package var port: UInt32
    /// The bytes after the 16-byte header.
    package var payload: ArraySlice<UInt8>

    /// The messages in a datagram; nil if a length is invalid.
    package static func split(_ bytes: [UInt8]) -> [NetlinkMessage]? {
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
