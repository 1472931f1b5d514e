import BaselineGraph
import FlowMetering
import NetworkAddresses
import PacketDecoding
import SenderAttribution
import Workloads

/// Flows that hosts open.
extension WindowTracker {
    /// Whether there is a baseline; a comparison with nil would copy the graph.
    var hasGraph: Bool { if case .some = graph { true } else { false } }

    mutating func open(_ packet: Packet, _ update: FlowUpdate) -> UInt32? {
        if update.flow >= 0, Int(update.flow) < progress.count {
            progress[Int(update.flow)].finish()
        }
        noteArrival(packet)
        if packet.ipProtocol == 17, packet.sourcePort == 68 || packet.sourcePort == 546 {
            noteDHCPClient(packet)
        }
        let sender = sender(of: packet)
        if let tag = answer(packet, sender) { return tag }
        if isIdentification(packet) { return nil }
        let opensFlow = Self.opensFlow(packet, update)
        let peer = resolver.resolve(packet.destination, in: graph)
        if opensFlow { watch(packet, peer, sender) }
        if sender.isNobody {
            if !opensFlow { watchUnsolicited(packet, update, sender) }
            return nil
        }
        guard opensFlow else {
            return openUnsolicited(packet, update, peer, sender)
        }
        // A ping of a whole network is answered by all of it, to whatever address asked.
        let isToGroup = isToGroup(packet, peer.place == .group)
        guard !isToGroup || packet.ipProtocol == 1 || packet.ipProtocol == 58 else {
            if sender.isForeign, sender.evidence == .port { countInjected(packet, sender) }
            return nil
        }
        guard let slot = slot(of: sender, packet) else { return nil }
        notePresence(of: sender, packet)
        let (tag, isNew) = charge(packet, peer, sender, slot)
        var tagged = update
        tagged.tag = tag
        follow(
            packet, update.flow, tag, slot, isNew: isNew, isFar: peer.place == .outside)
        hosts[slot].expectAnswer(
            packet.time, isNew: tag & Self.newEdgeBit != 0, isFar: peer.place == .outside)
        count(packet, tagged)
        return tag
    }

    /// Notes a packet whose receiver may ask for its sender, or whose next hop for its receiver.
    mutating func noteArrival(_ packet: Packet) {
        arrivals.note(
            packet, second: second,
            isFromAfar: links.isRouter(packet.sourceMAC) && !isOfOneNetwork(packet))
    }

    /// Whether a packet's source may be of its destination's network, whoever forwarded it: its
    /// receiver asks for it there.
    private func isOfOneNetwork(_ packet: Packet) -> Bool {
        let (source, destination) = (packet.source, packet.destination)
        guard source.isIPv4 == destination.isIPv4 else { return false }
        return source.isIPv4
            ? source.low >> 16 == destination.low >> 16 : source.high == destination.high
    }

    /// Charges a connection to its opener although its SYN was not, for want of room: who completes
    /// a handshake has not forged its address.
    mutating func openLate(_ packet: Packet, _ update: FlowUpdate) -> UInt32? {
        let sender = sender(of: packet)
        guard !sender.isNobody, let slot = slot(of: sender, packet, hasHandshake: true) else {
            return nil
        }
        let peer = resolver.resolve(packet.destination, in: graph)
        let tag = charge(packet, peer, sender, slot).tag
        hosts[slot].now[.accepted] += 1
        if tag & Self.newEdgeBit != 0 { hosts[slot].now[.newEdges] &+= 1 }
        let service = Service(ipProtocol: packet.ipProtocol, port: packet.destinationPort)
        if service.asksForLogin { hosts[slot].now[.logins] += 1 }
        var tagged = update
        tagged.tag = tag
        count(packet, tagged)
        return tag
    }

    /// Counts a flow for the host in `slot`; returns its tag, and whether its pair or outside
    /// address is not in the baseline.
    private mutating func charge(
        _ packet: Packet, _ peer: Resolved, _ sender: MACBindingTable.Sender, _ slot: Int
    ) -> (tag: UInt32, isNew: Bool) {
        let service = Service(ipProtocol: packet.ipProtocol, port: packet.destinationPort)
        let subject = hosts[slot].resolved
        let epoch = mode == .training ? graph?.epoch(of: second) : nil
        let novelty = Novelty(subject, peer, service, packet.destination, graph, epoch)
        note(packet, novelty, peer, slot)
        let isNew = novelty.isNewEdge || novelty.isNewOutside
        if !sender.isForeign { noteRequested(packet, slot, isNew: isNew) }
        if sender.isForeign, !isOwnIPv6(packet, sender, slot) {
            noteForeign(packet, slot, isOthers: sender.isOthers)
        }
        if indicators != nil { noteListedAddress(packet, slot) }
        let tag =
            UInt32(slot + 1) | UInt32(hosts[slot].generation & Self.generationMask) << 24
            | (novelty.isNewEdge ? Self.newEdgeBit : 0) | (second & 1 == 1 ? Self.oddSecondBit : 0)
        hosts[slot].now[.flows] += 1
        if packet.ipProtocol == 17 { hosts[slot].now[.bytesOutside] &+= 1 << Counters.amountBits }
        if novelty.isNewEdge {
            hosts[slot].now[.newEdges] &+= Counters.high
            let keys = HostState.keys(of: packet)
            if hosts[slot].acceptedEdges.contains(keys.edge, at: second) {
                hosts[slot].noteAccepted(keys, second: second)
            }
        }
        noteProbe(slot)
        return (tag, isNew)
    }

    private mutating func note(
        _ packet: Packet, _ novelty: Novelty, _ peer: Resolved, _ slot: Int
    ) {
        let keys = HostState.keys(of: packet)
        hosts[slot].peers.insert(keys.peer, second: second, isNovel: novelty.isNewPeer)
        hosts[slot].edges.insert(keys.edge, second: second, isNovel: novelty.isNewEdge)
        if packet.ipProtocol != 1 && packet.ipProtocol != 58 {
            hosts[slot].ports.insert(
                keys.service << 1 | 1, second: second, isNovel: novelty.isNewPort)
            if packet.ipProtocol != 6, packet.ipProtocol != 17 {
                hosts[slot].protocols.insert(
                    UInt64(packet.ipProtocol) << 1, second: second, isNovel: false)
            }
        }
        if novelty.isNewNetwork {
            hosts[slot].networks.insert(UInt64(peer.network) << 1, second: second, isNovel: true)
        }
        if novelty.isNewOutside {
            hosts[slot].outsidePeers.insert(keys.peer, second: second, isNovel: true)
        }
        // Traffic to known peers is often periodic, so only the regularity of unknown peers counts.
        let isStrange =
            !hasGraph
            // DNS and NTP are often periodic.
            ? peer.place == .outside && packet.destinationPort != 53
                && packet.destinationPort != 123
            : novelty.isNewOutside || novelty.isNewEdge
        if isStrange { hosts[slot].beat(keys.edge, at: packet.time) }
        let contact = Contact(to: packet, second: second)
        hosts[slot].lastContact = contact
        if novelty.isNewEdge || novelty.isNewOutside { hosts[slot].meet(contact) }
    }
}
