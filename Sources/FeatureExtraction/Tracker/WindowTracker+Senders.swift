import BaselineGraph
import FlowMetering
import NetworkAddresses
import PacketDecoding
public import SenderAttribution
public import Workloads

/// Attributes packets to their senders, whatever source address they bear.
extension WindowTracker {
    /// Attributes a packet that opens no flow, and whose source belongs to another port, to its own
    /// port.
    ///
    /// - Parameter isAnswer: whether it is of a flow that its receiver opened.
    mutating func countInjected(
        _ packet: Packet, _ sender: MACBindingTable.Sender, isAnswer: Bool = false
    ) {
        guard !sender.isNobody, let slot = slot(of: sender, packet) else { return }
        // Whoever opened the flow chose the address, and who it sent the packet to.
        if isAnswer, sender.isForeign, packet.tunnel == .none,
            ports.mayHave(packet.sourceMAC, at: packet.port),
            arrivals.isAsAddressed(packet, second: second)
        {
            noteForwarding(packet, sender, slot)
            return
        }
        // The packet is counted for its first sender, who may have sent it to any host that
        // forwards packets.
        if sender.isForeign, arrivals.isForwarded(packet, second: second) {
            if ports.owner(of: packet.destination) == packet.port {
                arrivals.delegate(packet, second: second)
            }
            noteForwarding(packet, sender, slot)
            return
        }
        noteForeign(packet, slot, isOthers: sender.isOthers)
        hosts[slot].now[.activity] &+= 1
        hosts[slot].now[.packetsOut] &+= 1
        hosts[slot].now[.bytesOut] &+= UInt64(packet.ipLength)
        hosts[slot].lastSecond = second
    }

    /// Whether a host answers in the name of another that hands it its packets.
    func isDelegated(_ packet: Packet, _ update: FlowUpdate) -> Bool {
        !update.events.contains(.fromOriginator) && packet.tunnel == .none
            && arrivals.isDelegated(packet, second: second)
            && ports.mayHave(packet.sourceMAC, at: packet.port)
    }

    /// Whether a packet comes from the very host that it is addressed to, whatever its source
    /// address.
    @inline(__always)
    func isToItself(_ packet: Packet) -> Bool {
        guard let slot = slots[packet.destination] else { return false }
        if packet.port != 0, packet.packetType != .outgoing, hosts[slot].port != 0 {
            return hosts[slot].port == packet.port
        }
        return packet.sourceMAC != .zero && packet.sourceMAC == hosts[slot].mac
            && !links.isRouter(packet.sourceMAC)
    }

    mutating func sender(of packet: Packet) -> MACBindingTable.Sender {
        if isRelayed, packet.tunnel != .none {
            return MACBindingTable.Sender(
                subject: packet.source, isForeign: false, isNobody: true)
        }
        let sender =
            packet.port == 0
            ? linkSender(of: packet)
            : portSender(of: packet)
                ?? linkSender(of: packet)
        guard packet.tunnel != .none else { return sender }
        return tunnelSender(of: packet, sender)
    }

    /// The outer source of a tunnel answers for an inner source that belongs to a host of this
    /// node. That of another node's container, as in an overlay, is the sender.
    private mutating func tunnelSender(
        of packet: Packet, _ inner: MACBindingTable.Sender
    ) -> MACBindingTable.Sender {
        let outer = packet.outerSource
        guard !outer.isUnspecified, outer != packet.source, !inner.isForeign,
            inner.evidence != .mac, inner.isNobody || inner.evidence == .address,
            isOfThisNode(packet.source, packet), packet.packetType != .outgoing,
            !isOfThisNode(outer, packet)
        else { return inner }
        return MACBindingTable.Sender(subject: outer, isForeign: true)
    }

    /// Whether an address belongs to a host behind another port, or with another MAC address, that
    /// is no router.
    private func isOfThisNode(_ address: IPAddress, _ packet: Packet) -> Bool {
        let port = ports.owner(of: address)
        return port != 0 && port != packet.port
            || links.holder(of: address, otherThan: packet.sourceMAC) != nil
    }

    /// Attributes a packet by its MAC address.
    mutating func linkSender(of packet: Packet) -> MACBindingTable.Sender {
        if let sender = links.settledSender(of: packet, second: second) { return sender }
        let resolved = resolver.resolve(packet.source, in: graph)
        let place = resolved.place
        let names = resolver
        let sender = links.sender(
            of: packet, second: second, isFromAfar: place == .outside || place == .gateway,
            isHeld: place == .group && !packet.source.isUnspecified || isHeldElsewhere(packet),
            isInBaseline: mode == .monitoring && place == .inside
                && resolved.name != IdentityResolver.unknown
        ) { names.areNamedApart($0, $1) }
        // A neighbour beyond the monitored networks may be a second router.
        guard sender.isForeign, place == .outside && !sender.isOthers || place == .group,
            resolver.resolve(sender.subject, in: graph).place == .outside
        else { return sender }
        return MACBindingTable.Sender(subject: packet.source, isForeign: false)
    }

    /// Notes that a packet's sender receives what is sent to its source address: it completes a
    /// handshake, or accepts a connection. If the address is outside, and not that of the MAC
    /// address, the latter forwards packets. With several such addresses it is a router, and what
    /// was charged to it is dropped.
    ///
    /// Hosts of the known networks are none: two containers, or one and somebody outside, could
    /// complete such handshakes together.
    ///
    /// - Returns: whether it became a router.
    mutating func noteRouted(_ packet: Packet) -> Bool {
        guard packet.port == 0, packet.tunnel == .none,
            let own = links.hostAddress(of: packet.sourceMAC), own != packet.source,
            resolver.resolve(packet.source, in: graph).place == .outside,
            !resolver.isInNetwork(own),
            links.noteRouted(packet.source, by: packet.sourceMAC)
        else { return false }
        if let slot = slots[own] { _ = forget(slot) }
        return true
    }

    /// Learns the MAC address of a host that answers another: a server that opens no flow has its
    /// address nevertheless, and nobody else may take it.
    @inline(__always)
    mutating func learnAnswerer(_ packet: Packet, _ update: FlowUpdate) {
        guard packet.port == 0, mode != .training, packet.tunnel == .none,
            !update.events.contains(.refused), let slot = liveSlot(update.tag),
            hosts[slot].address == packet.destination, hosts[slot].mac != packet.sourceMAC
        else { return }
        _ = linkSender(of: packet)
    }

    /// Whether a packet accepts a connection that another host asked for.
    @inline(__always)
    func accepts(_ packet: Packet, _ update: FlowUpdate) -> Bool {
        guard packet.ipProtocol == 6, packet.tcpFlags & 0x12 == 0x12,
            let slot = liveSlot(update.tag)
        else { return false }
        return hosts[slot].address == packet.destination && hosts[slot].mac != packet.sourceMAC
    }

    /// Attributes a packet by its port; nil where the port is no evidence.
    mutating func portSender(of packet: Packet) -> MACBindingTable.Sender? {
        let own = MACBindingTable.Sender(subject: packet.source, isForeign: false, evidence: .port)
        if ports.isSettled(packet) { return own }
        let place = resolver.resolve(packet.source, in: graph).place
        let isHeld = links.isActive(packet.source, otherThan: packet.sourceMAC, second: second)
        let answer = ports.answer(packet, place: place, isHeld: isHeld)
        checkMAC(packet)
        switch answer {
        case .nothing: return nil
        case .own(let subject):
            // Training also learns MAC addresses, for monitors without ports.
            if mode == .training { _ = linkSender(of: packet) }
            return MACBindingTable.Sender(subject: subject, isForeign: false, evidence: .port)
        case .forged(let subject, let isOthers):
            // A container that forwards packets of hosts beyond it is a router.
            if mode == .training, !isOthers { _ = linkSender(of: packet) }
            return MACBindingTable.Sender(
                subject: subject, isForeign: true, isOthers: isOthers, evidence: .port)
        case .contested:
            contestedCount &+= 1
            fallthrough
        case .seen:
            var sender = own
            sender.isNobody = true
            return sender
        }
    }

    /// Notes a refusal: whether it is one of several by which a service refuses its usual clients,
    /// and the outage, where it lasts.
    mutating func noteRefusal(
        _ refusal: Packet, _ slot: Int
    ) -> (isDown: Bool, outage: ServiceOutage?) {
        let client =
            hosts[slot].port != 0
            ? UInt64(hosts[slot].port) : hosts[slot].address.high ^ hosts[slot].address.low
        return outages.note(
            refusal.source, port: refusal.sourcePort, client: client, second: second)
    }

    /// Notes an outage with the server, unless another host sent the refusal in its name.
    mutating func noteOutage(_ outage: ServiceOutage, _ refusal: Packet) {
        let sender = sender(of: refusal)
        guard !sender.isForeign, !sender.isNobody, !sender.isContested,
            sender.subject == refusal.source, let slot = slot(of: sender, refusal)
        else { return }
        hosts[slot].outage = outage
        hosts[slot].now[.activity] &+= 1
        hosts[slot].lastSecond = second
    }

    /// Whether a packet in the middle of a flow comes from another MAC address than the opener's;
    /// it is then attributed to that MAC address.
    mutating func isInjected(_ packet: Packet, _ slot: Int) -> Bool {
        guard packet.sourceMAC != .zero, hosts[slot].mac != .zero,
            packet.source == hosts[slot].address, !links.isRouter(packet.sourceMAC),
            !links.isRouter(hosts[slot].mac)
        else { return false }
        let sender = linkSender(of: packet)
        guard sender.isForeign || sender.isContested else { return false }
        if sender.isForeign { countInjected(packet, sender) }
        return true
    }

    /// Whether an RST in a server's name comes from another host's MAC address, which is then
    /// charged with it: it says nothing about the server, nor about the client.
    mutating func isInjectedReset(_ packet: Packet) -> Bool {
        guard packet.sourceMAC != .zero, !links.isRouter(packet.sourceMAC) else { return false }
        let sender = linkSender(of: packet)
        guard sender.isForeign || sender.isContested else { return false }
        if sender.isForeign { countInjected(packet, sender) }
        return true
    }

    /// Whether a completed handshake shows that its opener receives what is sent to its address.
    /// The receiver may help somebody outside to forge an address: one alone, which serves nobody
    /// outside in the baseline, is no witness.
    mutating func isWitnessed(_ packet: Packet, _ tag: UInt32, _ slot: Int) -> Bool {
        guard tag & Self.newEdgeBit != 0, hosts[slot].resolved.place == .outside else {
            return true
        }
        let service = Service(ipProtocol: packet.ipProtocol, port: packet.destinationPort)
        let novelty = Novelty(
            hosts[slot].resolved, resolver.resolve(packet.destination, in: graph), service,
            packet.destination, graph, nil)
        guard novelty.isNewPeer else { return true }
        let witness = packet.destination.high ^ DistinctWindow.mix(packet.destination.low)
        if hosts[slot].witness == 0 { hosts[slot].witness = witness }
        return hosts[slot].witness != witness
    }

    /// Notes a message of a client inside, by which it may have asked for a connection.
    mutating func noteMessage(_ packet: Packet, _ slot: Int) {
        guard hosts[slot].resolved.place == .inside, !isToItself(packet) else { return }
        requests.note(packet.destination, second: second)
    }

    /// Notes a connection that a message of a client may explain, or a name server that a resolver
    /// asks because of its clients' questions.
    mutating func noteRequested(_ packet: Packet, _ slot: Int, isNew: Bool) {
        let isExplained =
            isNew && requests.take(packet.source, second: second)
            || packet.destinationPort == 53
                && relay.explainsContact(of: hosts[slot].address, second: second)
        guard isExplained else { return }
        hosts[slot].requested.insert(
            HostState.keys(of: packet).edge, second: second, isNovel: false)
    }

    /// Whether a known MAC address opens a flow from an IPv6 address of its own, in a network that
    /// neither inventory nor training have.
    mutating func isOwnIPv6(
        _ packet: Packet, _ sender: MACBindingTable.Sender, _ slot: Int
    ) -> Bool {
        packet.port == 0 && sender.evidence == .mac && !sender.isOthers
            && hosts[slot].mac == packet.sourceMAC && hosts[slot].mayOwn(packet.source)
    }

    /// Notes a frame with another's source address.
    mutating func noteForeign(_ packet: Packet, _ slot: Int, isOthers: Bool) {
        let source = packet.source
        if isOthers { hosts[slot].othersSecond = second }
        if !disputes.isUnopposed(source, by: station(of: packet)) {
            hosts[slot].secretSecond = second
        }
        hosts[slot].now[.proof] &+= 1
        hosts[slot].foreignSources.insert(
            source.high ^ DistinctWindow.mix(source.low), second: second, isNovel: false)
    }

    /// Applies changes of address owners.
    ///
    /// An address without an owner gets the new owner's name and keeps its windows. An address with
    /// an owner starts with empty windows; the old windows are still scored for the previous owner.
    public mutating func apply(_ change: WorkloadChange) {
        resolver.apply(change)
        responders.forgetPlaces()
        if change.networks != nil {
            for slot in hosts.indices where isCurrent(slot) { rename(slot) }
        } else {
            for address in change.holders.keys { if let slot = slots[address] { rename(slot) } }
        }
        for address in change.holders.keys {
            let mac = change.mac(of: address)
            links.release(address, unless: mac)
            if let mac { links.know(mac, has: address) }
            ports.release(address)
            announced[address] = nil
            disputes.settle(address)
        }
    }

    /// Applies changes of the node's ports. Addresses of a port that is gone are free, and their
    /// next holder starts with empty windows.
    public mutating func apply(_ change: PortChange) {
        ports.apply(change)
        for (mac, gateways) in change.routers { links.know(router: mac, at: gateways) }
        guard !change.gone.isEmpty else { return }
        let gone = Set(change.gone)
        disputes.remove(gone)
        announced = announced.filter { !gone.contains($0.value.port) }
        for slot in hosts.indices where gone.contains(hosts[slot].port) && isCurrent(slot) {
            setPlace(of: slot, to: nil)
        }
    }

    /// Ports whose facts should be queried again, each once.
    public mutating func takeWantedPorts() -> Set<UInt32> { ports.takeWanted() }

    mutating func rename(_ slot: Int) {
        let address = hosts[slot].address
        let identity = resolver.identity(of: address)
        let before = hosts[slot].identity
        guard identity != before else { return }
        if before.isNamed && before.name != identity.name {
            setPlace(of: slot, to: nil)
            return
        }
        hosts[slot].identity = identity
        hosts[slot].number = nextNumber()
        hosts[slot].resolved = resolver.resolve(address, in: graph)
    }
}
