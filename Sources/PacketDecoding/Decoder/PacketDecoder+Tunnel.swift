internal import NetworkAddresses

/// Tunnels: the inner packet replaces the outer one; the outer pair and the network's id are kept.
extension PacketDecoder {
    /// Whether the port may be that of a tunnel: VXLAN 4789 (RFC 7348) and 8472 (Linux before the
    /// assignment), VXLAN-GPE 4790, GENEVE 6081 (RFC 8926), GTP-U 2152 (3GPP TS 29.281), Teredo
    /// 3544 (RFC 4380).
    @inline(__always)
    package static func mayCarryTunnel(_ port: UInt16) -> Bool {
        switch port {
        case 4789, 8472, 4790, 6081, 2152, 3544: true
        default: false
        }
    }

    @inline(never)
    mutating func udpTunnel(
        source: UInt16, destination: UInt16, _ cursor: Cursor, _ packet: inout Packet
    ) {
        switch Self.mayCarryTunnel(destination) ? destination : source {
        case 4789, 8472: vxlan(cursor, &packet)
        case 4790: vxlanGPE(cursor, &packet)
        case 6081: geneve(cursor, &packet)
        case 2152: gtpU(cursor, &packet)
        default: teredo(cursor, &packet)
        }
    }

    /// Decodes IP in IP (RFC 2003), 6in4 (RFC 4213), GRE (RFC 2784), MPLS in IP (RFC 4023),
    /// Ethernet (RFC 8986), and the authentication header (RFC 4302), which does not encrypt.
    mutating func ipTunnel(_ number: UInt8, _ cursor: Cursor, _ packet: inout Packet) {
        switch number {
        case 4: enter(.ipInIP, nil, .etherType(0x0800), cursor, &packet)
        case 41: enter(.ipInIP, nil, .etherType(0x86DD), cursor, &packet)
        case 137: enter(.gre, nil, .etherType(0x8847), cursor, &packet)
        case 143: enter(.ipInIP, nil, .ethernet, cursor, &packet)
        case 51: authenticationHeader(cursor, &packet)
        default: gre(cursor, &packet)
        }
    }

    /// The payload of a tunnel.
    private enum Inside {
        case etherType(UInt16)
        case ethernet
        case anyIP
        case ppp
    }

    /// Decodes the payload at the cursor as the inner packet; without an IP header in it, the outer
    /// packet remains.
    private mutating func enter(
        _ tunnel: Packet.Tunnel, _ identifier: UInt32?, _ inside: Inside, _ start: Cursor,
        _ packet: inout Packet
    ) {
        guard start.layers < options.nestingLimit else {
            statistics.nestingTooDeep &+= 1
            return
        }
        var cursor = start
        cursor.layers &+= 1
        let outer = packet
        if outer.tunnel == .none {
            packet.outerSource = outer.source
            packet.outerDestination = outer.destination
            packet.outerSourcePort = outer.sourcePort
            packet.outerDestinationPort = outer.destinationPort
            packet.outerProtocol = outer.ipProtocol
            packet.outerLength = outer.ipLength
        }
        packet.tunnel = tunnel
        if let identifier { packet.tunnelIdentifier = identifier }
        packet.kind = .other
        packet.fragment = .none
        packet.fragmentIdentifier = 0
        packet.sourcePort = 0
        packet.destinationPort = 0
        let notIP = statistics.notIP
        switch inside {
        case .etherType(let type): network(type, &cursor, &packet)
        case .ethernet: ethernet(&cursor, &packet)
        case .anyIP: anyIP(&cursor, &packet)
        case .ppp: ppp(&cursor, &packet)
        }
        if packet.kind != .ip {
            packet = outer
            statistics.notIP = notIP
        }
    }

    private mutating func vxlan(_ cursor: Cursor, _ packet: inout Packet) {
        var cursor = cursor
        guard cursor.has(8 + 14), cursor.u8(0) & 0x08 != 0 else {
            statistics.badTunnel &+= 1
            return
        }
        let network = cursor.u32(4) >> 8
        cursor.at &+= 8
        enter(.vxlan, network, .ethernet, cursor, &packet)
    }

    private mutating func vxlanGPE(_ cursor: Cursor, _ packet: inout Packet) {
        var cursor = cursor
        guard cursor.has(8) else {
            statistics.badTunnel &+= 1
            return
        }
        let network = cursor.u32(4) >> 8
        let next = cursor.u8(3)
        cursor.at &+= 8
        switch next {
        case 1: enter(.vxlan, network, .etherType(0x0800), cursor, &packet)
        case 2: enter(.vxlan, network, .etherType(0x86DD), cursor, &packet)
        case 3: enter(.vxlan, network, .ethernet, cursor, &packet)
        default: statistics.badTunnel &+= 1
        }
    }

    private mutating func geneve(_ cursor: Cursor, _ packet: inout Packet) {
        var cursor = cursor
        let first = cursor.u8(0)
        let headerLength = 8 &+ Int(first & 0x3F) &* 4
        guard first >> 6 == 0, cursor.has(headerLength) else {
            statistics.badTunnel &+= 1
            return
        }
        let type = cursor.u16(2)
        let network = cursor.u32(4) >> 8
        cursor.at &+= headerLength
        enter(
            .geneve, network, type == 0x6558 ? .ethernet : .etherType(type), cursor, &packet)
    }

    /// Decodes a GTPv1-U data message with its optional fields and extension headers.
    private mutating func gtpU(_ cursor: Cursor, _ packet: inout Packet) {
        var cursor = cursor
        let flags = cursor.u8(0)
        // Version 1, protocol type GTP; only message 255 carries a packet.
        guard cursor.has(8), flags >> 4 & 0xE == 2, flags & 0x10 != 0 else {
            statistics.badTunnel &+= 1
            return
        }
        guard cursor.u8(1) == 255 else { return }
        let tunnel = cursor.u32(4)
        var next: UInt8 = 0
        if flags & 7 != 0 {
            if flags & 4 != 0 { next = cursor.u8(11) }
            cursor.at &+= 12
        } else {
            cursor.at &+= 8
        }
        for _ in 0..<16 where next != 0 {
            let length = Int(cursor.u8(0)) &* 4
            guard length > 0, cursor.has(length) else {
                statistics.badTunnel &+= 1
                return
            }
            next = cursor.u8(length &- 1)
            cursor.at &+= length
        }
        let nibble = cursor.u8(0) >> 4
        if nibble == 4 || nibble == 6 { enter(.gtpU, tunnel, .anyIP, cursor, &packet) }
    }

    private mutating func teredo(_ cursor: Cursor, _ packet: inout Packet) {
        var cursor = cursor
        if cursor.u16(0) == 1 {
            cursor.at &+= 13 &+ Int(cursor.u8(2)) &+ Int(cursor.u8(3))
        }
        if cursor.u16(0) == 0 { cursor.at &+= 8 }
        guard cursor.has(40), cursor.u8(0) >> 4 == 6 else { return }
        enter(.ipInIP, nil, .etherType(0x86DD), cursor, &packet)
    }

    /// Decodes the authentication header in IPv4; in IPv6 it is one of the extension headers.
    private mutating func authenticationHeader(_ cursor: Cursor, _ packet: inout Packet) {
        var cursor = cursor
        let length = (Int(cursor.u8(1)) &+ 2) &* 4
        guard cursor.has(8), cursor.has(length), cursor.layers < options.nestingLimit else {
            statistics.truncatedExtension &+= 1
            return
        }
        cursor.layers &+= 1
        let next = cursor.u8(0)
        cursor.at &+= length
        guard next != 50, next != 108, next != 59 else { return }
        packet.ipProtocol = next
        transport(next, &cursor, &packet)
    }

    /// Decodes GRE with its optional fields (RFC 2784, 2890), NVGRE (RFC 7637), PPTP (RFC 2637) and
    /// ERSPAN.
    private mutating func gre(_ cursor: Cursor, _ packet: inout Packet) {
        var cursor = cursor
        guard cursor.has(4) else {
            statistics.badTunnel &+= 1
            return
        }
        let flags = cursor.u16(0)
        let type = cursor.u16(2)
        let version = flags & 7
        var length = 4
        if flags & 0xC000 != 0, version == 0 { length &+= 4 }
        var key: UInt32?
        if flags & 0x2000 != 0 {
            key = cursor.u32(length)
            length &+= 4
        }
        let sequence = flags & 0x1000 != 0
        if sequence { length &+= 4 }
        if version == 1, flags & 0x80 != 0 { length &+= 4 }
        guard version <= 1, cursor.has(length) else {
            statistics.badTunnel &+= 1
            return
        }
        cursor.at &+= length
        switch type {
        case 0x6558:
            // NVGRE: the upper 24 bits of the key are the subnet; the lower 8 are for load
            // balancing only.
            enter(.gre, key.map { $0 >> 8 }, .ethernet, cursor, &packet)
        case 0x880B:
            // PPTP: the lower half of the key is the call; the upper is a length.
            if cursor.end > cursor.at {
                enter(.gre, key.map { $0 & 0xFFFF }, .ppp, cursor, &packet)
            }
        case 0x88BE:
            // ERSPAN: without a sequence number it is type I, which has no header of its own.
            if sequence { cursor.at &+= 8 }
            enter(.gre, key, .ethernet, cursor, &packet)
        case 0x22EB:
            // ERSPAN III has an optional sub-header, indicated by its last bit.
            cursor.at &+= cursor.u8(11) & 1 == 1 ? 20 : 12
            enter(.gre, key, .ethernet, cursor, &packet)
        default:
            enter(.gre, key, .etherType(type), cursor, &packet)
        }
    }
}
