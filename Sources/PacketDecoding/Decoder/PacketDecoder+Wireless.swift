internal import NetworkAddresses

/// Wireless LAN in monitor mode (IEEE 802.11), with the headers of capturing cards.
extension PacketDecoder {
    mutating func wireless(
        _ linkType: LinkType, _ cursor: inout Cursor, _ packet: inout Packet
    ) {
        var isPadded = false
        switch linkType {
        case .radiotap:
            guard let skipped = radiotap(&cursor) else { return }
            isPadded = skipped
        case .prism, .avs:
            guard skipCardHeader(&cursor) else { return }
        default: break
        }
        ieee80211(isPadded: isPadded, &cursor, &packet)
    }

    /// Skips a radiotap header (www.radiotap.org).
    ///
    /// - Returns: whether the wireless header is padded to a multiple of four bytes; nil if the
    ///   header is cut off or invalid.
    private mutating func radiotap(_ cursor: inout Cursor) -> Bool? {
        let length = Int(cursor.u16(2).byteSwapped)
        guard cursor.has(8), cursor.u8(0) == 0, length >= 8, cursor.has(length) else {
            statistics.truncatedLink &+= 1
            return nil
        }
        var isPadded = false
        let present = cursor.u32(4).byteSwapped
        if present & 2 != 0 {
            // The flags follow the words of present fields and, aligned to eight, the time.
            var offset = 8
            var word = present
            while word >> 31 == 1, offset &+ 4 <= length {
                word = cursor.u32(offset).byteSwapped
                offset &+= 4
            }
            if present & 1 != 0 { offset = ((offset &+ 7) & ~7) &+ 8 }
            if offset < length { isPadded = cursor.u8(offset) & 0x20 != 0 }
        }
        cursor.at &+= length
        return isPadded
    }

    /// Skips the header of a Prism card, or AVS, which the same link type may have.
    private mutating func skipCardHeader(_ cursor: inout Cursor) -> Bool {
        let isAVS = cursor.u32(0) & 0xFFFF_F000 == 0x8021_1000
        let length = isAVS ? cursor.u32(4) : cursor.u32(4).byteSwapped
        guard cursor.has(8), length >= 24, length <= 1024, cursor.has(Int(length)) else {
            statistics.truncatedLink &+= 1
            return false
        }
        cursor.at &+= Int(length)
        return true
    }

    /// Decodes a data frame: its addresses, then LLC. Encrypted frames are not decoded. Of several
    /// packets that are aggregated in one frame, the first is decoded.
    private mutating func ieee80211(
        isPadded: Bool, _ cursor: inout Cursor, _ packet: inout Packet
    ) {
        guard cursor.has(24) else {
            // Acknowledgments and the like have ten bytes.
            if cursor.has(2), cursor.u8(0) & 0x0C != 0x08 {
                statistics.notIP &+= 1
            } else {
                statistics.truncatedLink &+= 1
            }
            return
        }
        let control = cursor.u8(0)
        let flags = cursor.u8(1)
        // Version 0, type data, with data, not encrypted, and not a later part of a packet.
        guard control & 0x4F == 0x08, flags & 0x40 == 0, cursor.u8(22) & 0x0F == 0 else {
            statistics.notIP &+= 1
            return
        }
        var length = 24
        let (toDistribution, fromDistribution) = (flags & 1 != 0, flags & 2 != 0)
        if toDistribution, fromDistribution { length &+= 6 }
        var isAggregate = false
        if control & 0x80 != 0 {
            isAggregate = cursor.u8(length) & 0x80 != 0
            length &+= 2
            // High-throughput control.
            if flags & 0x80 != 0 { length &+= 4 }
        }
        if isPadded { length = (length &+ 3) & ~3 }
        guard cursor.has(length) else {
            statistics.truncatedLink &+= 1
            return
        }
        packet.destinationMAC = cursor.frame.mac(cursor.at &+ (toDistribution ? 16 : 4))
        packet.sourceMAC = cursor.frame.mac(
            cursor.at &+ (!fromDistribution ? 10 : toDistribution ? 24 : 16))
        cursor.at &+= length
        guard isAggregate else {
            llc(&cursor, &packet)
            return
        }
        guard cursor.has(14) else {
            statistics.truncatedLink &+= 1
            return
        }
        packet.destinationMAC = cursor.frame.mac(cursor.at)
        packet.sourceMAC = cursor.frame.mac(cursor.at &+ 6)
        cursor.end = min(cursor.end, cursor.at &+ 14 &+ Int(cursor.u16(12)))
        cursor.at &+= 14
        llc(&cursor, &packet)
    }
}
