internal import NetworkAddresses

/// Transport headers.
extension PacketDecoder {
    @inline(__always)
    mutating func transport(_ number: UInt8, _ cursor: inout Cursor, _ packet: inout Packet) {
        packet.payloadLength = UInt32(clamping: max(0, cursor.end &- cursor.at))
        guard packet.fragment != .later else { return }
        switch number {
        case 6: tcp(&cursor, &packet)
        case 17: udp(&cursor, &packet)
        default: otherTransport(number, &cursor, &packet)
        }
    }

    /// Decodes a TCP header (RFC 9293).
    @inline(__always)
    private mutating func tcp(_ cursor: inout Cursor, _ packet: inout Packet) {
        if options.verifiesChecksums { verifyTransport(cursor, &packet, at: 16) }
        ports(cursor, &packet)
        guard cursor.has(20), cursor.end &- cursor.at >= 20 else {
            statistics.truncatedTCP &+= 1
            packet.payloadLength = 0
            if cursor.has(14) { packet.tcpFlags = cursor.u8(13) }
            return
        }
        packet.tcpSequence = cursor.u32(4)
        packet.tcpAcknowledgment = cursor.u32(8)
        packet.tcpFlags = cursor.u8(13)
        packet.tcpWindow = cursor.u16(14)
        let headerLength = Int(cursor.u8(12) >> 4) &* 4
        let length = cursor.end &- cursor.at
        guard headerLength >= 20, headerLength <= length else {
            statistics.badTCPOffset &+= 1
            packet.payloadLength = 0
            return
        }
        packet.payloadLength = UInt32(truncatingIfNeeded: length &- headerLength)
        if packet.destinationPort == 53 || packet.sourcePort == 53, packet.payloadLength > 0 {
            cursor.at &+= headerLength
            dnsOverTCP(cursor, &packet)
        } else if options.readsLogins, packet.payloadLength > 0 {
            login(cursor, after: headerLength, &packet)
        }
    }

    /// Reads what a segment says about a login. A client may have a service's port, too.
    @inline(__always)
    private func login(_ cursor: borrowing Cursor, after header: Int, _ packet: inout Packet) {
        // In a capture of headers there is nothing to read.
        guard cursor.has(header &+ 1) else { return }
        let isHTTP = LoginReader.mayBeHTTP(cursor.u32(header), then: cursor.u16(header &+ 4))
        let isAnswer = LoginReader.isLoginPort(packet.sourcePort)
        // A server that announces a small window or segment size splits its clients' messages: only
        // their last segments have PSH.
        let isRequest =
            packet.tcpFlags & 0x08 != 0 && LoginReader.isLoginPort(packet.destinationPort)
        guard isHTTP || isAnswer || isRequest else { return }
        let reader = LoginReader(
            cursor.frame, from: cursor.at &+ header, length: Int(packet.payloadLength))
        if isHTTP {
            packet.login = reader.http
            if packet.login == .attempt { noteCredentials(reader.credentialsOfHTTP, &packet) }
            return
        }
        if isAnswer { packet.login = reader.message(port: packet.sourcePort, isRequest: false) }
        let isAttemptPossible =
            packet.login == .none || packet.login == .answered || packet.login == .foreign
        if isRequest, isAttemptPossible {
            let asked = reader.message(port: packet.destinationPort, isRequest: true)
            if asked != .none { packet.login = asked }
            if asked == .attempt, packet.destinationPort == 6379 {
                noteCredentials(reader.credentialsOfRedis, &packet)
            }
        }
    }

    /// Credentials that are tried at another server are another try.
    private func noteCredentials(_ credentials: UInt64?, _ packet: inout Packet) {
        guard let credentials else { return }
        let server = packet.destination.high ^ packet.destination.low &* 3
        let mixed = KeyedHash.hash(credentials, server, seed: Int(packet.destinationPort))
        packet.credentials = UInt32(truncatingIfNeeded: mixed) | 1
    }

    /// Decodes a UDP header (RFC 768), and the tunnels over UDP.
    @inline(__always)
    private mutating func udp(_ cursor: inout Cursor, _ packet: inout Packet) {
        if options.verifiesChecksums { verifyTransport(cursor, &packet, at: 6) }
        ports(cursor, &packet)
        let length = cursor.end &- cursor.at
        guard cursor.has(8), length >= 8 else {
            statistics.truncatedUDP &+= 1
            packet.payloadLength = 0
            return
        }
        let claimed = Int(cursor.u16(4))
        if claimed > length && packet.fragment == .none || claimed < 8 && claimed != 0 {
            statistics.badUDPLength &+= 1
        }
        packet.payloadLength = UInt32(truncatingIfNeeded: length &- 8)
        let source = packet.sourcePort
        let destination = packet.destinationPort
        if destination == 53 || source == 53 {
            cursor.at &+= 8
            dns(cursor, &packet)
            if packet.fragment == .first, destination == 53 {
                cutQuestion(cursor, length: claimed &- 8, &packet)
            }
        } else if Self.mayCarryTunnel(destination) || Self.mayCarryTunnel(source) {
            guard options.followsTunnels else { return }
            cursor.at &+= 8
            udpTunnel(source: source, destination: destination, cursor, &packet)
        } else if source == 67 && destination == 68 || source == 547 && destination == 546,
            packet.tunnel == .none
        {
            packet.announcement = .dhcpReply
        } else {
            packet.isSTUN =
                length >= 28 && cursor.has(16) && cursor.u32(12) == 0x2112_A442
                && cursor.u8(8) & 0xC0 == 0
        }
    }

    @inline(__always)
    private func ports(_ cursor: borrowing Cursor, _ packet: inout Packet) {
        guard cursor.has(4), cursor.end &- cursor.at >= 4 else { return }
        packet.sourcePort = cursor.u16(0)
        packet.destinationPort = cursor.u16(2)
    }

    @inline(never)
    private mutating func otherTransport(
        _ number: UInt8, _ cursor: inout Cursor, _ packet: inout Packet
    ) {
        switch number {
        case 1 where packet.ipVersion == 4, 58 where packet.ipVersion == 6:
            icmp(cursor, &packet)
        case 132, 136:
            guard cursor.has(12), cursor.end &- cursor.at >= 12 else {
                statistics.truncatedSCTP &+= 1
                ports(cursor, &packet)
                return
            }
            ports(cursor, &packet)
            // The common header of SCTP is 12 bytes (RFC 9260), of UDP-Lite 8 (RFC 3828).
            let header = number == 136 ? 8 : 12
            if number == 132, cursor.end &- cursor.at >= 16 { packet.sctpChunk = cursor.u8(12) }
            packet.payloadLength = UInt32(truncatingIfNeeded: cursor.end &- cursor.at &- header)
        case 4, 41, 47, 51, 137, 143:
            guard options.followsTunnels else { return }
            // In IPv6 the authentication header was skipped with the other extension headers.
            if number != 51 || packet.ipVersion == 4 { ipTunnel(number, cursor, &packet) }
        default: break
        }
    }

    /// Decodes ICMP (RFC 792) and ICMPv6 (RFC 4443), and the packet that an error quotes.
    private mutating func icmp(_ cursor: Cursor, _ packet: inout Packet) {
        if options.verifiesChecksums { verifyTransport(cursor, &packet, at: 2) }
        guard cursor.has(4), cursor.end &- cursor.at >= 4 else {
            statistics.truncatedICMP &+= 1
            packet.payloadLength = 0
            return
        }
        let type = cursor.u8(0)
        packet.icmpType = type
        packet.icmpCode = cursor.u8(1)
        let header = min(8, cursor.end &- cursor.at)
        packet.payloadLength = UInt32(truncatingIfNeeded: cursor.end &- cursor.at &- header)
        guard cursor.has(8) else { return }
        if packet.ipVersion == 4 {
            switch type {
            case 0, 8, 13...18: packet.icmpIdentifier = cursor.u16(4)
            case 3, 4, 5, 11, 12:
                if type == 5, packet.tunnel == .none {
                    packet.announcement = .redirect
                    packet.routeWord = cursor.u32(4)
                }
                quoted(cursor, &packet)
            default: break
            }
        } else {
            switch type {
            case 128, 129: packet.icmpIdentifier = cursor.u16(4)
            case 1...4: quoted(cursor, &packet)
            case 134...137 where packet.tunnel == .none: neighbourDiscovery(type, cursor, &packet)
            default: break
            }
        }
    }

    /// Decodes what neighbour discovery (RFC 4861) announces: a link-layer address of the sender
    /// of a solicitation, or of the target of an advertisement; a router; another next hop.
    @inline(never)
    private func neighbourDiscovery(
        _ type: UInt8, _ cursor: borrowing Cursor, _ packet: inout Packet
    ) {
        switch type {
        case 134:
            packet.announcement = .router
            packet.routeWord = lifetime(ofRouter: cursor)
        case 137: packet.announcement = .redirect
        default: packet.announcement = .neighbour
        }
        guard packet.announcement != .router, cursor.has(24) else { return }
        packet.quotedSource = cursor.frame.ipv6(cursor.at &+ 8)
        guard packet.announcement == .neighbour else { return }
        var offset = 24
        // The option of a solicitation is the source's address, of an advertisement the target's.
        let wanted: UInt8 = type == 135 ? 1 : 2
        for _ in 0..<8 where cursor.has(offset &+ 8) {
            let length = Int(cursor.u8(offset &+ 1)) &* 8
            if cursor.u8(offset) == wanted {
                packet.arpSenderMAC = cursor.frame.mac(cursor.at &+ offset &+ 2)
                return
            }
            guard length > 0 else { return }
            offset &+= length
        }
    }

    /// The seconds for which hosts use a router that advertises itself: as a default router, or on
    /// the routes of its options (RFC 4191), whichever is longer.
    private func lifetime(ofRouter cursor: borrowing Cursor) -> UInt32 {
        var seconds = UInt32(cursor.u16(6))
        var offset = 16
        for _ in 0..<256 where cursor.has(offset &+ 8) {
            let length = Int(cursor.u8(offset &+ 1)) &* 8
            if cursor.u8(offset) == 24 { seconds = max(seconds, cursor.u32(offset &+ 4)) }
            guard length > 0 else { break }
            offset &+= length
        }
        return seconds
    }

    /// Decodes the start of the packet that an ICMP error quotes.
    private func quoted(_ cursor: borrowing Cursor, _ packet: inout Packet) {
        let at = cursor.at &+ 8
        let frame = cursor.frame
        let ports: Int
        let number: UInt8
        if packet.ipVersion == 4 {
            guard frame.has(24, at: at), frame.u8(at) >> 4 == 4 else { return }
            ports = at &+ Int(frame.u8(at) & 15) &* 4
            number = frame.u8(at &+ 9)
            packet.quotedSource = frame.ipv4(at &+ 12)
            packet.quotedDestination = frame.ipv4(at &+ 16)
        } else {
            guard frame.has(44, at: at), frame.u8(at) >> 4 == 6 else { return }
            ports = at &+ 40
            number = frame.u8(at &+ 6)
            packet.quotedSource = frame.ipv6(at &+ 8)
            packet.quotedDestination = frame.ipv6(at &+ 24)
        }
        guard number == 6 || number == 17 || number == 132, frame.has(4, at: ports) else { return }
        packet.quotedProtocol = number
        packet.quotedSourcePort = frame.u16(ports)
        packet.quotedDestinationPort = frame.u16(ports &+ 2)
    }
}
