internal import NetworkAddresses

/// The network layer.
extension PacketDecoder {
    /// Decodes an IPv4 packet (RFC 791).
    @inline(__always)
    mutating func ipv4(_ cursor: inout Cursor, _ packet: inout Packet) {
        guard cursor.has(20) else {
            statistics.truncatedIPv4 &+= 1
            return
        }
        let first = cursor.u8(0)
        let headerLength = Int(first & 15) &* 4
        guard first >> 4 == 4, headerLength >= 20 else {
            // The version field decides, even if the layer below states another version.
            if first >> 4 == 6 { ipv6(&cursor, &packet) } else { statistics.badIPv4Header &+= 1 }
            return
        }
        // Segmentation offload leaves the length at zero; the packet then ends with the frame.
        let room = cursor.end &- cursor.at
        let claimed = Int(cursor.u16(2))
        var length = claimed == 0 ? room : claimed
        if length > room || length < headerLength {
            statistics.badIPv4Length &+= 1
            length = min(max(length, headerLength), room)
        }
        packet.kind = .ip
        packet.ipVersion = 4
        packet.ipLength = UInt32(truncatingIfNeeded: claimed == 0 ? room : claimed)
        packet.source = cursor.frame.ipv4(cursor.at &+ 12)
        packet.destination = cursor.frame.ipv4(cursor.at &+ 16)
        let ipProtocol = cursor.u8(9)
        packet.ipProtocol = ipProtocol
        let fragment = cursor.u16(6)
        cursor.end = cursor.at &+ length
        if options.verifiesChecksums { verifyIPv4(cursor, headerLength: headerLength) }
        if fragment & 0x3FFF != 0 {
            packet.fragment = fragment & 0x1FFF == 0 ? .first : .later
            packet.fragmentIdentifier = UInt32(cursor.u16(4))
        }
        cursor.at &+= headerLength
        transport(ipProtocol, &cursor, &packet)
    }

    /// Decodes an IPv6 packet (RFC 8200) with its extension headers.
    @inline(never)
    mutating func ipv6(_ cursor: inout Cursor, _ packet: inout Packet) {
        guard cursor.has(40) else {
            statistics.truncatedIPv6 &+= 1
            return
        }
        guard cursor.u8(0) >> 4 == 6 else {
            statistics.badIPv6Header &+= 1
            return
        }
        // A jumbogram (RFC 2675) and segmentation offload leave the length at zero.
        let room = cursor.end &- cursor.at
        let payload = Int(cursor.u16(4))
        var length = payload == 0 ? room : payload &+ 40
        packet.ipLength = UInt32(truncatingIfNeeded: length)
        if length > room {
            statistics.badIPv6Length &+= 1
            length = room
        }
        packet.kind = .ip
        packet.ipVersion = 6
        packet.source = cursor.frame.ipv6(cursor.at &+ 8)
        packet.destination = cursor.frame.ipv6(cursor.at &+ 24)
        let next = cursor.u8(6)
        packet.ipProtocol = next
        cursor.end = cursor.at &+ length
        cursor.at &+= 40
        if next == 6 || next == 17 || next == 58 {
            transport(next, &cursor, &packet)
        } else {
            extensions(next, &cursor, &packet)
        }
    }

    /// Skips extension headers up to the transport header (RFC 8200 section 4, RFC 4302, 6275,
    /// 7401, 5533).
    @inline(never)
    private mutating func extensions(
        _ first: UInt8, _ cursor: inout Cursor, _ packet: inout Packet
    ) {
        var next = first
        var passed = first
        for _ in 0..<256 {
            var length = 8
            switch next {
            case 0, 43, 60, 135, 139, 140: length = (Int(cursor.u8(1)) &+ 1) &* 8
            case 51: length = (Int(cursor.u8(1)) &+ 2) &* 4
            case 44: break
            default:
                // If nothing follows (59), or nothing readable follows an authentication header,
                // the last header is the packet's protocol.
                let isLast = next == 59 || passed == 51 && (next == 50 || next == 108)
                packet.ipProtocol = isLast ? passed : next
                transport(packet.ipProtocol, &cursor, &packet)
                return
            }
            passed = next
            guard cursor.has(8) else {
                statistics.truncatedExtension &+= 1
                packet.ipProtocol = next
                return
            }
            if next == 44 {
                let fragment = cursor.u16(2)
                if fragment & 0xFFF9 != 0 {
                    packet.fragment = fragment & 0xFFF8 == 0 ? .first : .later
                    packet.fragmentIdentifier = cursor.u32(4)
                }
            }
            next = cursor.u8(0)
            cursor.at &+= length
            if packet.fragment == .later { break }
        }
        packet.ipProtocol = next
        if packet.fragment == .later {
            packet.payloadLength = UInt32(clamping: max(0, cursor.end &- cursor.at))
        } else {
            statistics.tooManyExtensions &+= 1
        }
    }
}
