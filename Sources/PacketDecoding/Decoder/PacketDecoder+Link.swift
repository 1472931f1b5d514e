internal import NetworkAddresses

/// Link layers, tags and labels.
extension PacketDecoder {
    @inline(__always)
    mutating func ethernet(_ cursor: inout Cursor, _ packet: inout Packet) {
        guard cursor.has(14) else {
            statistics.truncatedLink &+= 1
            return
        }
        if packet.tunnel == .none {
            packet.destinationMAC = cursor.frame.mac(cursor.at)
            packet.sourceMAC = cursor.frame.mac(cursor.at &+ 6)
        }
        let etherType = cursor.u16(12)
        cursor.at &+= 14
        network(etherType, &cursor, &packet)
    }

    /// Continues by an Ethernet type; below 1,536 it is an 802.3 length and LLC follows.
    @inline(__always)
    mutating func network(_ etherType: UInt16, _ cursor: inout Cursor, _ packet: inout Packet) {
        switch etherType {
        case 0x0800: ipv4(&cursor, &packet)
        case 0x86DD: ipv6(&cursor, &packet)
        default: otherNetwork(etherType, &cursor, &packet)
        }
    }

    @inline(never)
    private mutating func otherNetwork(
        _ etherType: UInt16, _ cursor: inout Cursor, _ packet: inout Packet
    ) {
        guard cursor.layers < options.nestingLimit else {
            statistics.nestingTooDeep &+= 1
            return
        }
        cursor.layers &+= 1
        switch etherType {
        case 0x8100, 0x88A8, 0x9100, 0x9200, 0x9300: vlan(&cursor, &packet)
        case 0x0806: arp(&cursor, &packet)
        case 0x8847, 0x8848: mpls(&cursor, &packet)
        case 0x8864: pppoe(&cursor, &packet)
        case 0x6558: ethernet(&cursor, &packet)
        case 0x88E7: providerBackbone(&cursor, &packet)
        case 0x88E5: macSecurity(&cursor, &packet)
        case 0x8909: tag(of: 8, &cursor, &packet)
        case 0x893F: tag(of: 8, &cursor, &packet)
        case 0x8926: tag(of: 6, &cursor, &packet)
        case 0x894F: serviceHeader(&cursor, &packet)
        case 0xD28B: switchTimestamp(&cursor, &packet)
        case 0..<1536: llc(&cursor, &packet)
        default: statistics.notIP &+= 1
        }
    }

    /// Decodes tags of IEEE 802.1Q; the first of a frame is the outer one. Priority tags
    /// (VID 0) before another tag do not count as nesting: hosts skip any number of them.
    private mutating func vlan(_ cursor: inout Cursor, _ packet: inout Packet) {
        var identifier: UInt16 = 0
        var etherType: UInt16 = 0
        repeat {
            guard cursor.has(4) else {
                statistics.truncatedVLAN &+= 1
                return
            }
            identifier = cursor.u16(0) & 0xFFF
            etherType = cursor.u16(2)
            cursor.at &+= 4
        } while identifier == 0 && (etherType == 0x8100 || etherType == 0x88A8)
        if packet.vlan == 0 {
            packet.vlan = identifier
        } else if packet.innerVLAN == 0 {
            packet.innerVLAN = identifier
        }
        network(etherType, &cursor, &packet)
    }

    /// Decodes IEEE 802.1ah: the customer's frame follows the service tag.
    private mutating func providerBackbone(_ cursor: inout Cursor, _ packet: inout Packet) {
        guard cursor.has(4) else {
            statistics.truncatedVLAN &+= 1
            return
        }
        cursor.at &+= 4
        ethernet(&cursor, &packet)
    }

    /// Decodes IEEE 802.2: IP after a SNAP header (RFC 1042) or on the old IP service access point.
    mutating func llc(_ cursor: inout Cursor, _ packet: inout Packet) {
        guard cursor.has(3) else {
            statistics.truncatedLink &+= 1
            return
        }
        if cursor.u16(0) == 0xAAAA, cursor.u8(2) == 3, cursor.has(8) {
            let organisation = cursor.u32(2) & 0xFF_FFFF
            let etherType = cursor.u16(6)
            cursor.at &+= 8
            if organisation == 0 || organisation == 0xF8, etherType >= 1536 {
                network(etherType, &cursor, &packet)
                return
            }
        } else if cursor.u16(0) == 0x0606, cursor.u8(2) == 3 {
            cursor.at &+= 3
            ipv4(&cursor, &packet)
            return
        }
        statistics.notIP &+= 1
    }

    /// Decodes the label stack of RFC 3032. The first four bits of its payload determine the type
    /// (RFC 4928): 4 and 6 are IP, 0 is the control word of an Ethernet pseudo-wire (RFC 4448).
    mutating func mpls(_ cursor: inout Cursor, _ packet: inout Packet) {
        var labels = 0
        while true {
            guard cursor.has(4) else {
                statistics.truncatedMPLS &+= 1
                return
            }
            let label = cursor.u32(0)
            cursor.at &+= 4
            labels &+= 1
            if label & 0x100 != 0 { break }
            guard labels < options.nestingLimit else {
                statistics.nestingTooDeep &+= 1
                return
            }
        }
        guard cursor.has(1) else {
            statistics.truncatedMPLS &+= 1
            return
        }
        switch cursor.u8(0) >> 4 {
        case 4: ipv4(&cursor, &packet)
        case 6: ipv6(&cursor, &packet)
        case 0 where cursor.has(18):
            cursor.at &+= 4
            ethernet(&cursor, &packet)
        default: statistics.notIP &+= 1
        }
    }

    /// Decodes a PPPoE session frame (RFC 2516).
    private mutating func pppoe(_ cursor: inout Cursor, _ packet: inout Packet) {
        guard cursor.has(8) else {
            statistics.truncatedPPPoE &+= 1
            return
        }
        cursor.at &+= 6
        ppp(&cursor, &packet)
    }

    /// Decodes PPP's protocol field, one or two bytes, with or without address and control (RFC
    /// 1661, 1662).
    mutating func ppp(_ cursor: inout Cursor, _ packet: inout Packet) {
        if cursor.u16(0) == 0xFF03 || cursor.u16(0) == 0x0F00 { cursor.at &+= 2 }
        guard cursor.has(2) else {
            statistics.truncatedPPPoE &+= 1
            return
        }
        let compressed = cursor.u8(0) & 1 == 1
        let number = compressed ? UInt16(cursor.u8(0)) : cursor.u16(0)
        cursor.at &+= compressed ? 1 : 2
        switch number {
        case 0x0021: ipv4(&cursor, &packet)
        case 0x0057: ipv6(&cursor, &packet)
        case 0x0281, 0x0283: mpls(&cursor, &packet)
        default: statistics.notIP &+= 1
        }
    }

    /// Decodes ARP for IPv4 over any hardware with six-byte addresses (RFC 826).
    private mutating func arp(_ cursor: inout Cursor, _ packet: inout Packet) {
        guard cursor.has(8), cursor.has(28) || cursor.u16(4) != 0x0604 else {
            statistics.truncatedARP &+= 1
            return
        }
        packet.kind = .arp
        packet.arpOperation = cursor.u16(6)
        guard cursor.u16(2) == 0x0800, cursor.u16(4) == 0x0604 else { return }
        packet.arpSenderMAC = cursor.frame.mac(cursor.at &+ 8)
        packet.source = cursor.frame.ipv4(cursor.at &+ 14)
        packet.destination = cursor.frame.ipv4(cursor.at &+ 24)
    }

    @inline(never)
    mutating func otherLink(
        _ linkType: LinkType, _ cursor: inout Cursor, _ packet: inout Packet
    ) {
        switch linkType {
        case .raw, .ipv4, .ipv6, LinkType(rawValue: 12), LinkType(rawValue: 14):
            anyIP(&cursor, &packet)
        case .null, .loop: loopback(&cursor, &packet)
        case .linuxCooked:
            if cursor.has(2) { packet.packetType = Self.packetType(cursor.u16(0)) }
            cooked(headerLength: 16, typeAt: 14, addressAt: 6, &cursor, &packet)
        case .linuxCooked2:
            if cursor.has(11) {
                packet.port = cursor.u32(4)
                packet.packetType = Self.packetType(UInt16(cursor.u8(10)))
            }
            cooked(headerLength: 20, typeAt: 0, addressAt: 12, &cursor, &packet)
        case .ppp, .pppHDLC: ppp(&cursor, &packet)
        case .pppEthernet: pppoe(&cursor, &packet)
        case .ciscoHDLC: cooked(headerLength: 4, typeAt: 2, addressAt: nil, &cursor, &packet)
        case .nflog: nflog(&cursor, &packet)
        default: rareLink(linkType, &cursor, &packet)
        }
    }

    /// Decodes IPv4 or IPv6, by the first four bits.
    mutating func anyIP(_ cursor: inout Cursor, _ packet: inout Packet) {
        guard cursor.has(1) else {
            statistics.truncatedLink &+= 1
            return
        }
        if cursor.u8(0) >> 4 == 6 { ipv6(&cursor, &packet) } else { ipv4(&cursor, &packet) }
    }

    /// Decodes a loopback header. The family is in the byte order of an unknown host: the half that
    /// is not zero determines it. 24, 28 and 30 are AF_INET6 of the BSDs and macOS, 10 is Linux's.
    private mutating func loopback(_ cursor: inout Cursor, _ packet: inout Packet) {
        guard cursor.has(4) else {
            statistics.truncatedLink &+= 1
            return
        }
        let word = cursor.u32(0)
        cursor.at &+= 4
        switch word > 0xFFFF ? word.byteSwapped : word {
        case 2: ipv4(&cursor, &packet)
        case 10, 24, 28, 30: ipv6(&cursor, &packet)
        case 0x0800, 0x86DD:
            network(UInt16(truncatingIfNeeded: word), &cursor, &packet)
        default:
            // Some drivers write an Ethernet type to the lower half.
            let etherType = UInt16(truncatingIfNeeded: word)
            if etherType == 0x0800 || etherType == 0x86DD {
                network(etherType, &cursor, &packet)
            } else {
                statistics.notIP &+= 1
            }
        }
    }

    private static func packetType(_ number: UInt16) -> PacketType {
        PacketType(rawValue: UInt8(truncatingIfNeeded: number)) ?? .unknown
    }

    /// Linux cooked capture and its like: a fixed header with an Ethernet type in it.
    private mutating func cooked(
        headerLength: Int, typeAt: Int, addressAt: Int?, _ cursor: inout Cursor,
        _ packet: inout Packet
    ) {
        guard cursor.has(headerLength) else {
            statistics.truncatedLink &+= 1
            return
        }
        if let addressAt { packet.sourceMAC = cursor.frame.mac(cursor.at &+ addressAt) }
        let etherType = cursor.u16(typeAt)
        cursor.at &+= headerLength
        // Values below 1,536 are Linux's own numbers; 4 is an 802.2 frame.
        if etherType < 1536, etherType != 4 {
            statistics.notIP &+= 1
        } else {
            network(etherType, &cursor, &packet)
        }
    }

    /// Decodes Netfilter's log: attributes, of which number 9 is the packet
    /// (linux/netfilter/nfnetlink_log.h).
    private mutating func nflog(_ cursor: inout Cursor, _ packet: inout Packet) {
        cursor.at = 4
        while cursor.has(4) {
            // Attributes are in the capturing host's byte order, assumed to be little-endian.
            let length = Int(cursor.u16(0).byteSwapped)
            let type = cursor.u16(2).byteSwapped & 0x7FFF
            guard length >= 4 else { break }
            if type == 9 {
                cursor.end = min(cursor.end, cursor.at &+ length)
                cursor.at &+= 4
                anyIP(&cursor, &packet)
                return
            }
            cursor.at &+= (length &+ 3) & ~3
        }
        statistics.truncatedLink &+= 1
    }
}
