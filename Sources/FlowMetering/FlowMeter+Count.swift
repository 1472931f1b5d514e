internal import NetworkAddresses
internal import PacketDecoding
internal import Timestamps

/// The effect of one packet on its flow.
extension FlowMeter {
    /// Whether this packet continues the flow in `slot`; if not, the flow has been ended.
    @inline(__always)
    mutating func goesOn(_ slot: Int32, _ packet: inout Packet) -> Bool {
        let time = packet.time
        let bits = table[slot].bits
        let isClosed = bits.contains(.closed)
        if time - table[slot].last > (isClosed ? close : idle) {
            end(slot, isClosed ? .endOfFlow : .idleTimeout)
            return false
        }
        // The packet opens a new connection on the ports of a closed one.
        if isClosed, packet.tcpFlags & 0x12 == 2 {
            end(slot, .endOfFlow)
            return false
        }
        let start =
            bits.contains(.continued) ? table[slot].recordStart : table[slot].start
        if time - start > active
            || max(table[slot].fromLow.packets, table[slot].fromHigh.packets) > 4_000_000_000
        {
            report(slot)
        }
        return true
    }

    /// Creates a flow with a packet's key.
    @inline(never)
    mutating func begin(
        _ key: CanonicalKey, hash: UInt32, _ packet: inout Packet
    ) -> Int32 {
        let slot = allocateFlow()
        let time = packet.time
        var bits: FlowBits = key.isSwapped ? .originatorIsHigh : []
        if packet.ipProtocol == 6 { bits = Self.tcpOriginator(&packet, bits) }
        var wrapping: Int32 = -1
        if packet.tunnel != .none {
            bits.insert(.tunnel(packet.tunnel))
            wrapping = wrap(&packet, key)
        }
        let empty = SideCounters()
        table[slot] = FlowSlot(
            low: key.low, high: key.high, lowPort: key.lowPort, highPort: key.highPort,
            tunnelIdentifier: key.tunnelIdentifier, vlan: key.vlan, ipProtocol: key.ipProtocol,
            ipVersion: key.ipVersion, hash: hash, next: -1, previous: -1, number: slot,
            wrapping: wrapping, start: time, history: 0, fromLow: empty, fromHigh: empty)
        table[slot].bits = bits
        table[slot].innerVLAN = packet.innerVLAN
        if bits.contains(.flipped) { table[slot].note(.flipped, fromOriginator: false) }
        table.insert(slot, hash: hash)
        if clock < time { clock = time }
        wheel.insert(slot, deadline: clock + idle, in: table)
        counters.flowsStarted &+= 1
        counters.peakFlows = max(counters.peakFlows, UInt64(table.count))
        return slot
    }

    /// The originator of a connection, by its first packet: the sender of the SYN, or the receiver
    /// of the SYN-ACK; otherwise, if only one end has a well-known port, the other end; otherwise
    /// the sender.
    private static func tcpOriginator(_ packet: inout Packet, _ sender: FlowBits) -> FlowBits {
        let flags = packet.tcpFlags
        if flags & 0x12 == 2 { return sender }
        var bits = sender.union(.midstream)
        let isReply =
            flags & 0x12 == 0x12 || packet.sourcePort < 1024 && packet.destinationPort >= 1024
        if isReply {
            bits.formSymmetricDifference(.originatorIsHigh)
            bits.insert(.flipped)
        }
        return bits
    }

    /// Counts the packet and sets the update.
    @inline(__always)
    mutating func count(
        _ packet: inout Packet, _ slot: Int32, fromHigh: Bool, _ update: inout FlowUpdate
    ) {
        let isTCP = packet.ipProtocol == 6 && packet.fragment != .later
        var events = update.events
        if isTCP, packet.tcpFlags & 0x12 == 2, table[slot].bits.contains(.midstream) {
            table[slot].adoptOriginator(isHigh: fromHigh)
            // A segment sent ahead must not hide that this one opens a connection.
            events.insert(.started)
        }
        let bits = table[slot].bits
        let isFromOriginator = bits.contains(.originatorIsHigh) == fromHigh
        if isFromOriginator { events.insert(.fromOriginator) }
        if bits.contains(.midstream) { events.insert(.midstream) }
        let isStray =
            isTCP && packet.tcpFlags & 0x04 != 0 && !isFromOriginator
            && isStrayReset(packet, slot, fromHigh: fromHigh)
        if !isFromOriginator, !bits.contains(.answered), !isStray {
            table[slot].bits.insert(.answered)
            events.insert(.answered)
        }
        if isTCP {
            let segment = table[slot, fromHigh: fromHigh].follow(&packet)
            if segment.isRetransmission { events.insert(.retransmission) }
            let flags = packet.tcpFlags
            // Who sends a SYN/ACK has not refused the connection: another host sent the RST.
            if segment.newLetters & 2 != 0, !isFromOriginator, bits.contains(.refused) {
                events.formUnion([.answered, .reset])
            }
            if isStray {
                table[slot].noteAll(segment.newLetters, fromOriginator: false)
            } else if segment.newLetters != 0 || flags & 0x04 != 0 || !bits.contains(.established) {
                table[slot].noteAll(segment.newLetters, fromOriginator: isFromOriginator)
                table[slot].turn(flags, isFromOriginator, &events)
                if events.contains(.established),
                    packet.tcpAcknowledgment == table[slot, fromHigh: !fromHigh].nextSequence
                {
                    events.insert(.acknowledged)
                }
                if isClosing(slot, segment.newLetters, flags, fromHigh: fromHigh, bits) {
                    events.insert(.closing)
                }
            }
            if packet.login != .none, !segment.isRetransmission {
                noteLogin(&packet, slot, isFromOriginator, fromHigh: fromHigh, &events)
            }
        } else {
            if packet.payloadLength > 0, table[slot, fromHigh: fromHigh].add(.data) {
                table[slot].note(.data, fromOriginator: isFromOriginator)
            }
            if packet.ipProtocol != 17, !isFromOriginator {
                noteAnswer(&packet, slot, fromHigh: fromHigh, &events)
            }
        }
        table[slot, fromHigh: fromHigh].count(&packet)
        if events.contains(.closing) { describeEnd(slot, &update, &events) }
        update.events = events
        update.start = table[slot].start
        if !bits.contains(.closed), table[slot].bits.contains(.closed) {
            wheel.remove(slot, from: table)
            wheel.insert(slot, deadline: clock + close, in: table)
        }
    }

    /// Whether a RST is no answer to the SYN before it: it does not acknowledge that, so the
    /// originator ignores it (RFC 9293, 3.10.7.3), and anybody can have sent it.
    @inline(never)
    private func isStrayReset(_ packet: Packet, _ slot: Int32, fromHigh: Bool) -> Bool {
        let (synLetter, synAckLetter): (UInt8, UInt8) = (1, 2)
        let asked = table[slot, fromHigh: !fromHigh]
        guard asked.letters & synLetter != 0,
            table[slot, fromHigh: fromHigh].letters & synAckLetter == 0
        else { return false }
        // Data in the SYN need not be acknowledged.
        return packet.tcpFlags & 0x10 == 0
            || asked.nextSequence &- packet.tcpAcknowledgment >= 0x1_0000
    }

    /// Notes what a responder's packet says: an SCTP association that it refuses at once, and echo
    /// replies beyond those that were asked for. Frames that the capture lost explain some.
    @inline(never)
    private mutating func noteAnswer(
        _ packet: inout Packet, _ slot: Int32, fromHigh: Bool,
        _ events: inout FlowUpdate.Events
    ) {
        if packet.sctpChunk == 6, events.contains(.answered) {
            table[slot].bits.insert(.refused)
            events.insert(.refused)
        }
        guard
            packet.ipProtocol == 1 && packet.icmpType == 0
                || packet.ipProtocol == 58 && packet.icmpType == 129
        else { return }
        let asked = table[slot, fromHigh: !fromHigh].packets
        // A link with a loop repeats each reply some times.
        if table[slot, fromHigh: fromHigh].packets / 4 > asked &+ 8 { events.insert(.excessive) }
    }

    /// Whether a segment is the first to end a connection.
    @inline(__always)
    private func isClosing(
        _ slot: Int32, _ new: UInt8, _ flags: UInt8, fromHigh: Bool, _ before: FlowBits
    ) -> Bool {
        let fin: UInt8 = 1 << HistoryLetter.fin.rawValue
        guard before.contains(.established), !before.contains(.closed),
            table[slot, fromHigh: !fromHigh].letters & fin == 0
        else { return false }
        return new & fin != 0
            || flags & 0x04 != 0 && table[slot, fromHigh: fromHigh].letters & fin == 0
    }

    /// Sets what a closing connection carried.
    @inline(never)
    private func describeEnd(
        _ slot: Int32, _ update: inout FlowUpdate, _ events: inout FlowUpdate.Events
    ) {
        let bits = table[slot].bits
        let isHigh = bits.contains(.originatorIsHigh)
        let isCut = bits.contains(.continued)
        // With time stamps, as most connections have them.
        let header: UInt64 = table[slot].ipVersion == 6 ? 72 : 52
        update.sent = isCut ? .max : table[slot, fromHigh: isHigh].carried(header: header)
        update.fetched = isCut ? .max : table[slot, fromHigh: !isHigh].carried(header: header)
        if bits.contains(.decided) { events.insert(.loginDecided) }
        if bits.contains(.asked) { events.insert(.loginAsked) }
    }

    /// Follows attempts to log in and their answers.
    ///
    /// A responder must not be able to make its client look like somebody who guesses: an answer
    /// counts only once after a message of the originator. Nor must a third host, which does not
    /// know the connection's numbers: the answer must acknowledge the message.
    @inline(never)
    private mutating func noteLogin(
        _ packet: inout Packet, _ slot: Int32, _ isFromOriginator: Bool, fromHigh: Bool,
        _ events: inout FlowUpdate.Events
    ) {
        guard !isFromOriginator else {
            guard packet.login == .attempt else { return }
            table[slot].bits.insert(.asked)
            table[slot].bits.remove(.decided)
            return
        }
        let bits = table[slot].bits
        if bits.isDisjoint(with: [.asked, .decided]), packet.login != .attempt,
            packet.login != .refused
        {
            table[slot].bits.formUnion([.asked, .decided])
            return
        }
        let behind = table[slot, fromHigh: !fromHigh].nextSequence &- packet.tcpAcknowledgment
        if packet.login == .foreign, behind < 0x1_0000 {
            table[slot].bits.formUnion([.asked, .decided])
            return
        }
        guard packet.login != .attempt, bits.contains(.asked), !bits.contains(.decided),
            behind < 0x1_0000
        else { return }
        table[slot].bits.remove(.asked)
        guard packet.login != .answered else { return }
        table[slot].bits.insert(.decided)
        events.insert(packet.login == .granted ? .loginGranted : .loginRefused)
    }

    /// Finds a later fragment's ports, and stores those of a first one. Returns false for an
    /// orphan.
    @inline(never)
    mutating func resolveFragment(_ packet: inout Packet, _ key: inout CanonicalKey) -> Bool {
        // In IPv4 the protocol is part of a packet's identity (RFC 791), in IPv6 it is not (RFC
        // 8200).
        let identity =
            CanonicalKey(
                source: packet.source, destination: packet.destination,
                sourcePort: UInt16(truncatingIfNeeded: packet.fragmentIdentifier >> 16),
                destinationPort: UInt16(truncatingIfNeeded: packet.fragmentIdentifier),
                ipProtocol: packet.ipVersion == 4 ? packet.ipProtocol : 0,
                ipVersion: packet.ipVersion, vlan: packet.vlan,
                tunnelIdentifier: packet.tunnelIdentifier
            ).hash(seed: seed) ^ (packet.destination < packet.source ? 0x5555_5555_5555_5554 : 0)
        if packet.fragment == .first {
            fragments.remember(
                identity, time: packet.time,
                sourcePort: key.isSwapped ? key.highPort : key.lowPort,
                destinationPort: key.isSwapped ? key.lowPort : key.highPort,
                ipProtocol: packet.ipProtocol)
            return true
        }
        guard let found = fragments.find(identity, time: packet.time) else {
            return false
        }
        if found.ipProtocol != 1, found.ipProtocol != 58 {
            packet.sourcePort = found.sourcePort
            packet.destinationPort = found.destinationPort
        }
        packet.ipProtocol = found.ipProtocol
        key = CanonicalKey(
            source: packet.source, destination: packet.destination, sourcePort: found.sourcePort,
            destinationPort: found.destinationPort, ipProtocol: found.ipProtocol,
            ipVersion: packet.ipVersion, vlan: packet.vlan,
            tunnelIdentifier: packet.tunnelIdentifier)
        return true
    }

    /// Finds the flow that an ICMP error quotes; "unreachable" marks it as refused.
    @inline(never)
    mutating func relateQuoted(_ packet: inout Packet, _ update: inout FlowUpdate) {
        let key = CanonicalKey(
            source: packet.quotedSource, destination: packet.quotedDestination,
            sourcePort: packet.quotedSourcePort, destinationPort: packet.quotedDestinationPort,
            ipProtocol: packet.quotedProtocol, ipVersion: packet.ipVersion, vlan: packet.vlan,
            tunnelIdentifier: packet.tunnelIdentifier)
        let hash = UInt32(truncatingIfNeeded: key.hash(seed: seed) >> 32)
        let slot = table.find(key, hash: hash)
        guard slot >= 0 else { return }
        update.relatedFlow = slot
        update.relatedStart = table[slot].start
        if table[slot].bits.contains(.originatorIsHigh) == key.isSwapped {
            update.relatedEvents.insert(.fromOriginator)
        }
        guard packet.icmpType == (packet.ipVersion == 4 ? 3 : 1),
            !table[slot].bits.contains(.refused)
        else { return }
        table[slot].bits.insert(.refused)
        update.relatedEvents.insert(.refused)
    }

    /// Stores the outer pair of a tunnelled flow.
    private mutating func wrap(_ packet: inout Packet, _ key: CanonicalKey) -> Int32 {
        let made = Wrapping(
            low: key.isSwapped ? packet.outerDestination : packet.outerSource,
            high: key.isSwapped ? packet.outerSource : packet.outerDestination, next: -1)
        if freeWrapping >= 0 {
            let place = freeWrapping
            freeWrapping = wrappings[Int(place)].next
            wrappings[Int(place)] = made
            return place
        }
        wrappings.append(made)
        return Int32(wrappings.count - 1)
    }
}
