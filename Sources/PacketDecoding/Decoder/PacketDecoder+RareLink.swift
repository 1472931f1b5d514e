/// Link layers that only captures from other machines have: wide-area lines, switches' tags,
/// firewalls' logs, and headers that capturing programs write.
extension PacketDecoder {
    /// Decodes a frame of a link type that `otherLink` does not know.
    @inline(never)
    mutating func rareLink(
        _ linkType: LinkType, _ cursor: inout Cursor, _ packet: inout Packet
    ) {
        switch linkType {
        case .ieee80211, .radiotap, .prism, .avs: wireless(linkType, &cursor, &packet)
        case .ppi: perPacketInformation(&cursor, &packet)
        case .pktap, .user2: packetTap(&cursor, &packet)
        case .frameRelay: frameRelay(&cursor, &packet)
        case .frameRelayWithDirection, .ciscoHDLCWithDirection, .pppWithDirection, .pppLinux:
            directed(linkType, &cursor, &packet)
        case .mpls: mpls(&cursor, &packet)
        case .rfc1483: llc(&cursor, &packet)
        case .infiniband: fixedHeader(44, .typeAt(40), &cursor, &packet)
        case .ieee1394: fixedHeader(18, .typeAt(16), &cursor, &packet)
        case .ipnet: fixedHeader(24, .anyIP, &cursor, &packet)
        case .enc: fixedHeader(12, .anyIP, &cursor, &packet)
        case .pflog: firewallLog(&cursor, &packet)
        case .arcnetLinux: arcnet(&cursor, &packet)
        case .juniperEthernet: juniper(&cursor, &packet)
        case .dsaTag: switchTag(of: 4, &cursor, &packet)
        case .edsaTag: switchTag(of: 8, &cursor, &packet)
        case .broadcomTag: switchTag(of: 4, &cursor, &packet)
        case .broadcomPrepended: fixedHeader(4, .ethernet, &cursor, &packet)
        default: statistics.unsupportedLinkType &+= 1
        }
    }

    /// Decodes the frame at the cursor, whose type a header before it states. Such headers nest
    /// no deeper than tags and tunnels do.
    private mutating func enclosed(
        _ linkType: LinkType, _ cursor: inout Cursor, _ packet: inout Packet
    ) {
        guard cursor.layers < options.nestingLimit else {
            statistics.nestingTooDeep &+= 1
            return
        }
        cursor.layers &+= 1
        if linkType == .ethernet {
            ethernet(&cursor, &packet)
        } else {
            otherLink(linkType, &cursor, &packet)
        }
    }

    /// What follows a header of fixed length.
    private enum Inside {
        /// What the Ethernet type at this offset of the header says.
        case typeAt(Int)
        case anyIP
        case ethernet
    }

    /// Skips a header of `length` bytes: of IP over InfiniBand (40 bytes of addresses before that
    /// of RFC 4391), IP over IEEE 1394 of macOS, the IPNET device of Solaris, the BSDs' interface
    /// of IPsec, or a Broadcom switch.
    private mutating func fixedHeader(
        _ length: Int, _ inside: Inside, _ cursor: inout Cursor, _ packet: inout Packet
    ) {
        guard cursor.has(length) else {
            statistics.truncatedLink &+= 1
            return
        }
        let start = cursor.at
        cursor.at &+= length
        switch inside {
        case .typeAt(let offset):
            network(cursor.frame.u16(start &+ offset), &cursor, &packet)
        case .anyIP: anyIP(&cursor, &packet)
        case .ethernet: ethernet(&cursor, &packet)
        }
    }

    /// Skips the byte before a frame that says whether it was sent or received.
    private mutating func directed(
        _ linkType: LinkType, _ cursor: inout Cursor, _ packet: inout Packet
    ) {
        guard cursor.has(1) else {
            statistics.truncatedLink &+= 1
            return
        }
        cursor.at &+= 1
        switch linkType {
        case .frameRelayWithDirection: frameRelay(&cursor, &packet)
        case .pppWithDirection: ppp(&cursor, &packet)
        case .pppLinux:
            // The control field follows; the direction is in place of the address.
            if cursor.u8(0) == 3 { cursor.at &+= 1 }
            ppp(&cursor, &packet)
        default: otherLink(.ciscoHDLC, &cursor, &packet)
        }
    }

    /// Decodes frame relay: an address of two to four bytes (Q.922), then the protocol's number
    /// (RFC 2427), or an Ethernet type as Cisco writes it.
    private mutating func frameRelay(_ cursor: inout Cursor, _ packet: inout Packet) {
        // The lowest bit of an address byte is set in the last one only.
        guard cursor.has(4), cursor.u8(0) & 1 == 0 else {
            statistics.truncatedLink &+= 1
            return
        }
        var length = 2
        while length < 4, cursor.u8(length &- 1) & 1 == 0 { length &+= 1 }
        cursor.at &+= length
        guard cursor.has(2) else {
            statistics.truncatedLink &+= 1
            return
        }
        guard cursor.u8(0) == 3 else {
            let etherType = cursor.u16(0)
            cursor.at &+= 2
            // Below are the numbers of the line's own management.
            guard etherType >= 1536 else {
                statistics.notIP &+= 1
                return
            }
            network(etherType, &cursor, &packet)
            return
        }
        // A zero byte may align what follows.
        cursor.at &+= cursor.u8(1) == 0 ? 2 : 1
        let number = cursor.u8(0)
        cursor.at &+= 1
        switch number {
        case 0xCC: ipv4(&cursor, &packet)
        case 0x8E: ipv6(&cursor, &packet)
        case 0xCF: ppp(&cursor, &packet)
        case 0x80: subnetworkAccess(&cursor, &packet)
        default: statistics.notIP &+= 1
        }
    }

    /// Decodes a SNAP header without LLC: an Ethernet type, or a bridged Ethernet frame.
    private mutating func subnetworkAccess(_ cursor: inout Cursor, _ packet: inout Packet) {
        guard cursor.has(5) else {
            statistics.truncatedLink &+= 1
            return
        }
        let organisation = cursor.u32(0) >> 8
        let number = cursor.u16(3)
        cursor.at &+= 5
        switch organisation {
        case 0 where number >= 1536: network(number, &cursor, &packet)
        case 0x0080C2 where number == 1 || number == 7: network(0x6558, &cursor, &packet)
        default: statistics.notIP &+= 1
        }
    }

    /// Decodes the header of macOS's packet tap, whose numbers are in the capturing host's order.
    /// Old versions call it USER2, which others use for their own frames.
    private mutating func packetTap(_ cursor: inout Cursor, _ packet: inout Packet) {
        let isSwapped = cursor.u32(0) > 0xFFFF
        func word(_ offset: Int) -> UInt32 {
            isSwapped ? cursor.u32(offset).byteSwapped : cursor.u32(offset)
        }
        let length = Int(word(0))
        // The type 1 is a packet.
        guard cursor.has(12), length >= 108, word(4) == 1, cursor.has(length) else {
            statistics.truncatedLink &+= 1
            return
        }
        let linkType = LinkType(rawValue: Int32(truncatingIfNeeded: word(8)))
        cursor.at &+= length
        enclosed(linkType, &cursor, &packet)
    }

    /// Decodes the per-packet information of wireless cards, in little-endian order.
    private mutating func perPacketInformation(_ cursor: inout Cursor, _ packet: inout Packet) {
        let length = Int(cursor.u16(2).byteSwapped)
        guard cursor.has(8), length >= 8, cursor.has(length), cursor.u8(0) == 0 else {
            statistics.truncatedLink &+= 1
            return
        }
        let linkType = LinkType(rawValue: Int32(truncatingIfNeeded: cursor.u32(4).byteSwapped))
        cursor.at &+= length
        enclosed(linkType, &cursor, &packet)
    }

    /// Decodes the log of the BSDs' packet filter: a header of the length in its first byte.
    private mutating func firewallLog(_ cursor: inout Cursor, _ packet: inout Packet) {
        let length = (Int(cursor.u8(0)) &+ 3) & ~3
        guard length >= 48, cursor.has(length) else {
            statistics.truncatedLink &+= 1
            return
        }
        cursor.at &+= length
        anyIP(&cursor, &packet)
    }

    /// Decodes ARCNET as Linux captures it: IP and ARP by RFC 1051, and by RFC 1201, whose packets
    /// may be in parts.
    private mutating func arcnet(_ cursor: inout Cursor, _ packet: inout Packet) {
        let type = cursor.u8(4)
        let isNew = type == 0xD4 || type == 0xD5
        guard cursor.has(isNew ? 8 : 5) else {
            statistics.truncatedLink &+= 1
            return
        }
        // An even number other than zero is a later part of a packet.
        let part = isNew ? cursor.u8(5) : 0
        cursor.at &+= isNew ? 8 : 5
        switch type {
        case 0xF0: network(0x0800, &cursor, &packet)
        case 0xF1, 0xD5: network(0x0806, &cursor, &packet)
        case 0xD4 where part == 0 || part & 1 == 1: network(0x0800, &cursor, &packet)
        default: statistics.notIP &+= 1
        }
    }

    /// Decodes the header that Juniper's routers write before Ethernet.
    private mutating func juniper(_ cursor: inout Cursor, _ packet: inout Packet) {
        guard cursor.has(4), cursor.u32(0) >> 8 == 0x4D4743 else {
            statistics.truncatedLink &+= 1
            return
        }
        let flags = cursor.u8(3)
        cursor.at &+= 4
        if flags & 0x80 != 0 {
            guard cursor.has(2) else {
                statistics.truncatedLink &+= 1
                return
            }
            cursor.at &+= 2 &+ Int(cursor.u16(0))
        }
        guard flags & 0x02 == 0 else {
            // Without a link layer: a number of Juniper's own, then the packet.
            cursor.at &+= 4
            anyIP(&cursor, &packet)
            return
        }
        ethernet(&cursor, &packet)
    }

    /// Skips the tag that a switch chip inserts after the MAC addresses.
    private mutating func switchTag(
        of length: Int, _ cursor: inout Cursor, _ packet: inout Packet
    ) {
        guard cursor.has(14 &+ length) else {
            statistics.truncatedLink &+= 1
            return
        }
        packet.destinationMAC = cursor.frame.mac(cursor.at)
        packet.sourceMAC = cursor.frame.mac(cursor.at &+ 6)
        cursor.at &+= 12 &+ length
        let etherType = cursor.u16(0)
        cursor.at &+= 2
        network(etherType, &cursor, &packet)
    }
}
