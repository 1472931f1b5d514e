/// Rare headers between Ethernet and IP.
extension PacketDecoder {
    /// Decodes IEEE 802.1AE without encryption; encrypted frames are not decoded.
    mutating func macSecurity(_ cursor: inout Cursor, _ packet: inout Packet) {
        let tag = cursor.u8(0)
        let headerLength = tag & 0x20 != 0 ? 14 : 6
        guard cursor.has(headerLength + 2) else {
            statistics.truncatedLink &+= 1
            return
        }
        guard tag & 0x0C == 0 else {
            statistics.notIP &+= 1
            return
        }
        let short = Int(cursor.u8(1) & 0x3F)
        cursor.at &+= headerLength
        // The check value has 16 bytes; payloads below 48 bytes have their length in the tag.
        cursor.end = short == 0 ? cursor.end &- 16 : min(cursor.end, cursor.at &+ short)
        let etherType = cursor.u16(0)
        cursor.at &+= 2
        network(etherType, &cursor, &packet)
    }

    /// Skips a tag whose last two of `length` bytes are the next Ethernet type: Cisco's security
    /// group tag (8 bytes), the E-tag of IEEE 802.1BR (8) and the VN-tag (6).
    mutating func tag(of length: Int, _ cursor: inout Cursor, _ packet: inout Packet) {
        guard cursor.has(length) else {
            statistics.truncatedLink &+= 1
            return
        }
        let etherType = cursor.u16(length &- 2)
        cursor.at &+= length
        network(etherType, &cursor, &packet)
    }

    /// Decodes the network service header (RFC 8300).
    mutating func serviceHeader(_ cursor: inout Cursor, _ packet: inout Packet) {
        let length = Int(cursor.u16(0) & 0x3F) &* 4
        guard length >= 8, cursor.has(length) else {
            statistics.truncatedLink &+= 1
            return
        }
        let next = cursor.u8(3)
        cursor.at &+= length
        switch next {
        case 1: ipv4(&cursor, &packet)
        case 2: ipv6(&cursor, &packet)
        case 3: ethernet(&cursor, &packet)
        case 5: mpls(&cursor, &packet)
        default: statistics.notIP &+= 1
        }
    }

    /// Skips the time stamp that Arista's switches insert before the Ethernet type.
    mutating func switchTimestamp(_ cursor: inout Cursor, _ packet: inout Packet) {
        let length = cursor.u16(2) & 0x00F0 == 0x0020 ? 10 : 12
        guard cursor.u16(0) == 1, cursor.has(length + 2) else {
            statistics.notIP &+= 1
            return
        }
        cursor.at &+= length
        let etherType = cursor.u16(0)
        cursor.at &+= 2
        network(etherType, &cursor, &packet)
    }
}
