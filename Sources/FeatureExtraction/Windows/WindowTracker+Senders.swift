import FlowMetering
import NetworkAddresses
import PacketDecoding
public import Workloads

/// Attributes packets to their senders, whatever source address they bear.
extension WindowTracker {
    /// Attributes a packet that opens no flow, and whose source belongs to another port, to its own
    /// port.
    mutating func countInjected(_ packet: Packet, _ sender: MACBindingTable.Sender) {
        guard !sender.isNobody, let slot = slot(of: sender, packet) else { return }
        noteForeign(packet.source, slot)
        hosts[slot].now[.activity] &+= 1
        hosts[slot].now[.packetsOut] &+= 1
        hosts[slot].now[.bytesOut] &+= UInt64(packet.ipLength)
        hosts[slot].lastSecond = second
    }

    /// Whether a packet comes from the very host that it is addressed to, whatever its source
    /// address.
    func isToItself(_ packet: Packet) -> Bool {
        guard let slot = slots[packet.destination] else { return false }
        if packet.port != 0, packet.packetType != .outgoing, hosts[slot].port != 0 {
            return hosts[slot].port == packet.port
        }
        return packet.sourceMAC != .zero && packet.sourceMAC == hosts[slot].mac
            && !links.isRouter(packet.sourceMAC)
    }

    mutating func sender(of packet: Packet) -> MACBindingTable.Sender {
        if packet.port != 0, let sender = portSender(of: packet) { return sender }
        return linkSender(of: packet)
    }

    /// Attributes a packet by its MAC address.
    mutating func linkSender(of packet: Packet) -> MACBindingTable.Sender {
        let place = resolver.resolve(packet.source, in: graph).place
        let names = resolver
        return links.sender(
            of: packet, second: second, isFromAfar: place == .outside || place == .gateway
        ) { names.areNamedApart($0, $1) }
    }

    /// Attributes a packet by its port; nil where the port is no evidence.
    mutating func portSender(of packet: Packet) -> MACBindingTable.Sender? {
        let own = MACBindingTable.Sender(subject: packet.source, isForeign: false, evidence: .port)
        if ports.isSettled(packet) { return own }
        let place = resolver.resolve(packet.source, in: graph).place
        switch ports.answer(packet, place: place) {
        case .nothing: return nil
        case .own(let subject):
            // Training also learns MAC addresses, for monitors without ports.
            if mode == .training { _ = linkSender(of: packet) }
            return MACBindingTable.Sender(subject: subject, isForeign: false, evidence: .port)
        case .forged(let subject, let isOthers):
            // A container that forwards packets of hosts beyond it is a router.
            if mode == .training, !isOthers { _ = linkSender(of: packet) }
            return MACBindingTable.Sender(subject: subject, isForeign: true, evidence: .port)
        case .contested:
            contestedCount &+= 1
            fallthrough
        case .seen:
            var sender = own
            sender.isNobody = true
            return sender
        }
    }

    /// Whether a refusal is one of several by which a service refuses its usual clients.
    mutating func isOutage(_ refusal: Packet, _ slot: Int) -> Bool {
        let client =
            hosts[slot].port != 0
            ? UInt64(hosts[slot].port) : hosts[slot].address.high ^ hosts[slot].address.low
        return outages.note(
            refusal.source, port: refusal.sourcePort, client: client, second: second)
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

    mutating func observeARP(_ packet: Packet) {
        let claimed = packet.source
        guard !claimed.isUnspecified else { return }
        var conflicts = links.isConflictingClaim(claimed, by: packet.arpSenderMAC, second: second)
        let sender = sender(of: packet)
        if sender.isNobody { return }
        // The port takes precedence over the MAC address.
        conflicts = sender.evidence == .port ? false : conflicts || sender.isContested
        // A router sends ARP requests on behalf of other hosts.
        let asks =
            packet.arpOperation == 1 && packet.destination != claimed
            && !links.isRouter(packet.sourceMAC) && !arrivals.isAnswer(packet, second: second)
        guard asks || conflicts || sender.isForeign,
            resolver.resolve(sender.subject, in: graph).place != .group,
            let slot = slot(of: sender, packet)
        else { return }
        if asks {
            hosts[slot].arpTargets.insert(
                DistinctWindow.mix(packet.destination.low), second: second, isNovel: false)
        }
        if conflicts || sender.isForeign { noteForeign(claimed, slot) }
        hosts[slot].now[.activity] &+= 1
        hosts[slot].lastSecond = second
    }

    mutating func noteForeign(_ source: IPAddress, _ slot: Int) {
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
        }
    }

    /// Applies changes of the node's ports. Addresses of a port that is gone are free, and their
    /// next holder starts with empty windows.
    public mutating func apply(_ change: PortChange) {
        ports.apply(change)
        guard !change.gone.isEmpty else { return }
        let gone = Set(change.gone)
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
        hosts[slot].resolved = resolver.resolve(address, in: graph)
    }
}
