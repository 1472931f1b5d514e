internal import NetworkAddresses

/// Checksums (RFC 1071), verified on request only.
extension PacketDecoder {
    @inline(never)
    mutating func verifyIPv4(_ cursor: Cursor, headerLength: Int) {
        guard cursor.has(headerLength) else { return }
        if Self.sum(cursor.frame, cursor.at, headerLength, 0) != 0xFFFF {
            statistics.wrongIPv4Checksum &+= 1
        }
    }

    /// Verifies the segment at the cursor if it was captured completely; `at` is the checksum's
    /// offset.
    @inline(never)
    mutating func verifyTransport(_ cursor: Cursor, _ packet: inout Packet, at offset: Int) {
        let length = cursor.end &- cursor.at
        guard packet.fragment == .none, length >= offset &+ 2, cursor.has(length) else { return }
        // UDP over IPv4 may have no checksum (RFC 768).
        if packet.ipProtocol == 17, cursor.u16(offset) == 0 { return }
        var start: UInt64 = 0
        if packet.ipProtocol != 1 {
            let mask: UInt64 = 0xFFFF_FFFF
            for address in [packet.source, packet.destination] {
                if address.isIPv4, packet.ipVersion == 4 {
                    start &+= UInt64(address.v4)
                } else {
                    start &+= address.high >> 32 &+ address.high & mask
                    start &+= address.low >> 32 &+ address.low & mask
                }
            }
            start &+= UInt64(packet.ipProtocol) &+ UInt64(length)
        }
        if Self.sum(cursor.frame, cursor.at, length, start) != 0xFFFF {
            statistics.wrongTransportChecksum &+= 1
        }
    }

    /// The one's complement sum of `length` bytes, folded to 16 bits.
    static func sum(_ frame: FrameBytes, _ at: Int, _ length: Int, _ start: UInt64) -> UInt64 {
        var sum = start
        var offset = 0
        while offset &+ 4 <= length {
            sum &+= UInt64(frame.u32(at &+ offset))
            offset &+= 4
        }
        if offset &+ 2 <= length {
            sum &+= UInt64(frame.u16(at &+ offset))
            offset &+= 2
        }
        if offset < length { sum &+= UInt64(frame.u8(at &+ offset)) << 8 }
        while sum >> 16 != 0 { sum = sum & 0xFFFF &+ sum >> 16 }
        return sum
    }
}
