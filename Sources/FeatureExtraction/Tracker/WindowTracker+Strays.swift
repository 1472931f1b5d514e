import BaselineGraph
import FlowMetering
import NetworkAddresses
import PacketDecoding
import SenderAttribution

/// Packets that belong to no flow of a host: without IP, of neighbour discovery, and ICMP errors
/// about packets that the meter does not know. They are ordinary up to a rate; further ones count
/// for their sender.
extension WindowTracker {
    /// Counts a frame without an IP packet, or of which none could be decoded.
    mutating func noteOther(_ packet: Packet) {
        guard let station = strayingStation(packet) else { return }
        var sender = takerSender(station, otherThan: .unspecified, packet)
        sender.isForeign = false
        guard let slot = slot(of: sender, packet) else { return }
        countBeyondRate(packet, slot, isForAll: packet.destinationMAC.isGroup)
    }

    /// Counts an IP packet of another protocol than TCP and UDP, or in a tunnel, if no flow does.
    mutating func noteRare(_ packet: Packet, _ update: FlowUpdate) {
        if packet.tunnel != .none {
            rarePairs.note(from: packet.outerSource, to: packet.outerDestination, second: second)
        }
        guard packet.ipProtocol == 1 || packet.ipProtocol == 58 else {
            rarePairs.note(from: packet.source, to: packet.destination, second: second)
            return
        }
        if packet.isICMPError {
            noteUncheckedError(packet, update)
            return
        }
        rarePairs.note(from: packet.source, to: packet.destination, second: second)
        guard packet.ipProtocol == 58 else { return }
        observeDiscovery(packet)
        var answer = packet
        answer.destination = packet.quotedSource
        guard packet.isDiscovery, !isToGroup(packet, packet.destination.isMulticast),
            // A host asks again for those that have asked for it.
            packet.icmpType != 135 || !solicitations.wasAsked(answer, second: second),
            strayingStation(packet) != nil
        else { return }
        let sender = sender(of: packet)
        guard let slot = straySlot(of: sender, packet) else { return }
        countBeyondRate(packet, slot, isForAll: false)
    }

    /// Counts an ICMP error about a packet without ports, if no such packet was seen lately.
    private mutating func noteUncheckedError(_ packet: Packet, _ update: FlowUpdate) {
        guard update.relatedFlow < 0, packet.quotedProtocol == 0,
            !packet.quotedSource.isUnspecified,
            !rarePairs.contains(
                from: packet.quotedSource, to: packet.quotedDestination, second: second),
            strayingStation(packet) != nil
        else { return }
        let sender = sender(of: packet)
        guard let slot = straySlot(of: sender, packet) else { return }
        watch(
            packet, resolver.resolve(packet.destination, in: graph), sender, kind: .icmpReply)
        note(.icmpReply, packet, slot)
    }

    /// The host of a stray packet; nil if it is unknown, or if the packet is counted because of its
    /// source address.
    private mutating func straySlot(
        of sender: MACBindingTable.Sender, _ packet: Packet
    ) -> Int? {
        guard !sender.isNobody, !sender.isForeign || sender.evidence != .port,
            let slot = slot(of: sender, packet)
        else { return nil }
        if sender.isForeign { noteForeign(packet, slot, isOthers: sender.isOthers) }
        return slot
    }

    /// Counts a packet in the rate of its station; returns the station if the packet is beyond it.
    private mutating func strayingStation(_ packet: Packet) -> Station? {
        guard packet.packetType != .outgoing else { return nil }
        let station = station(of: packet)
        guard station.port != 0 || station.mac != .zero && !station.mac.isGroup,
            // Nobody knows whose packets a router forwards.
            !isRouter(station), strayRates.note(station, second: second)
        else { return nil }
        return station
    }

    /// Counts a packet beyond an ordinary rate like the other packets of its host.
    mutating func countBeyondRate(_ packet: Packet, _ slot: Int, isForAll: Bool) {
        hosts[slot].now[.activity] &+= isForAll ? Counters.high | 1 : 1
        hosts[slot].lastSecond = second
        // Pings open flows, which are counted there.
        guard !packet.isEchoRequest else { return }
        hosts[slot].now[.packetsOut] &+= 1
        guard packet.kind == .ip else {
            hosts[slot].now[.bytesOut] &+= UInt64(packet.wireLength)
            return
        }
        hosts[slot].now[.bytesOut] &+= UInt64(packet.ipLength)
        hosts[slot].lastContact = Contact(to: packet, second: second)
    }

    /// Whether a packet to an address of a group is in a frame to a group: each host of it receives
    /// the packet. In a frame to one host it is for that host.
    func isToGroup(_ packet: Packet, _ isGroup: Bool) -> Bool {
        isGroup && (packet.destinationMAC.isGroup || packet.destinationMAC == .zero)
    }
}

extension Packet {
    var isEchoRequest: Bool {
        ipProtocol == 1 && icmpType == 8 || ipProtocol == 58 && icmpType == 128
    }

    var isICMPError: Bool {
        ipProtocol == 1 ? [3, 4, 11, 12].contains(icmpType) : 1...4 ~= icmpType
    }

    /// Whether an ICMPv6 message is one of those by which hosts and routers find each other and
    /// groups (130 to 155), except advertisements, which have a rate of their own, and questions
    /// about nodes.
    fileprivate var isDiscovery: Bool {
        130...155 ~= icmpType && icmpType != 136 && icmpType != 139
            || icmpType == 0 && fragment != .later
    }
}
