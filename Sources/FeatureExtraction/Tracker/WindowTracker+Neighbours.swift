import BaselineGraph
import NetworkAddresses
import PacketDecoding
import SenderAttribution
import Workloads

/// Searches for neighbours: ARP requests, and neighbour solicitations of IPv6 (RFC 4861).
///
/// Who knows its neighbours asks for those that are there. Who searches asks for addresses that
/// nobody has, and nobody made it do so.
extension WindowTracker {
    mutating func observeARP(_ packet: Packet) {
        let claimed = packet.source
        guard !claimed.isUnspecified else { return observeProbe(packet) }
        noteAnnouncement(packet, of: claimed, as: packet.arpSenderMAC, .arp)
        if packet.arpOperation == 2 { noteAnswer(packet) }
        let sender = sender(of: packet)
        if sender.isNobody { return }
        let asks =
            packet.arpOperation == 1 && packet.destination != claimed
            && isSearch(packet)
            // Who was asked may ask back.
            && !solicitations.isAnswer(packet, second: second)
        notePresence(of: sender, packet)
        guard asks || sender.isForeign,
            resolver.resolve(sender.subject, in: graph).place != .group,
            let slot = slot(of: sender, packet)
        else { return }
        if asks { noteSearch(of: packet.destination, slot) }
        if sender.isForeign { noteForeign(packet, slot, isOthers: sender.isOthers) }
        hosts[slot].now[.activity] &+= 1
        hosts[slot].lastSecond = second
    }

    /// Counts a neighbour solicitation as an ARP request, and an advertisement as the answer.
    mutating func observeDiscovery(_ packet: Packet) {
        guard packet.icmpType == 135 || packet.icmpType == 136, packet.tunnel == .none else {
            return
        }
        // As if the question were sent to the address that it is about, and answered by that.
        var message = packet
        if packet.icmpType == 136 {
            message.source = packet.quotedSource
            return noteAnswer(message, bearing: packet.source)
        }
        message.destination = packet.quotedSource
        solicitations.note(message, second: second)
        guard !packet.source.isUnspecified else { return observeProbe(message) }
        let sender = sender(of: packet)
        guard !sender.isNobody, !sender.isForeign else { return }
        notePresence(of: sender, packet)
        guard message.destination != packet.source, isSearch(message),
            !solicitations.isAnswer(message, second: second),
            resolver.resolve(sender.subject, in: graph).place != .group,
            let slot = slot(of: sender, packet)
        else { return }
        noteSearch(of: message.destination, slot)
        noteAsker(packet.source, slot)
        hosts[slot].now[.activity] &+= 1
        hosts[slot].lastSecond = second
    }

    /// A question without a sender's address (RFC 5227, RFC 4862): whether an address is free. Only
    /// a port tells who asks.
    private mutating func observeProbe(_ packet: Packet) {
        if packet.arpOperation == 1 { solicitations.note(packet, second: second) }
        guard packet.arpOperation != 2, packet.port != 0,
            packet.packetType != .outgoing, !packet.destination.isUnspecified
        else { return }
        let sender = sender(of: packet)
        guard !sender.isNobody, !sender.isForeign, sender.evidence == .port,
            !sender.subject.isUnspecified, sender.subject != packet.destination,
            let slot = slot(of: sender, packet)
        else { return }
        hosts[slot].now[.activity] &+= 1
        hosts[slot].lastSecond = second
        // A router may tell a host to use addresses in its network, which the host tries first.
        if packet.ipVersion == 6,
            hosts[slot].triedAddresses.isOwn(packet.destination, second: second)
        {
            return
        }
        noteSearch(of: packet.destination, slot)
    }

    /// Whether nobody made a host ask for an address, and nobody has it.
    private mutating func isSearch(_ question: Packet) -> Bool {
        // A router asks on behalf of other hosts.
        !isRouter(station(of: question)) && !arrivals.isToForward(question, second: second)
            && !arrivals.isAnswer(question, second: second)
            // Any member of a group that was asked may answer.
            && !groupCalls.contains(question.destination, second: second)
            // One that is gone was there.
            && !present.contains(question.destination, second: second)
            && !namedHops.contains(question, from: station(of: question), second: second)
    }

    /// Seconds for which hosts follow a redirect: Linux forgets it after five minutes.
    private static let redirectSeconds = 310

    /// Notes the next hop that a redirect or a router advertisement names, unless hosts ignore it:
    /// a redirect in the name of a host that is no gateway, or one of IPv6 from no link-local
    /// address. Each other message makes its sender a rogue router, or comes from a router.
    mutating func noteNextHop(_ packet: Packet, _ station: Station, isInOwnName: Bool) {
        guard packet.ipVersion == 4 || packet.source.isLinkLocal else { return }
        if packet.announcement == .router {
            return namedHops.note(
                packet.source, packet, from: station, second: second,
                seconds: Int(packet.routeWord))
        }
        guard
            !isInOwnName || isRouter(station) || station.port == Station.node
                || resolver.resolve(packet.source, in: graph).place == .gateway
        else { return }
        namedHops.note(
            packet.ipVersion == 4 ? IPAddress(v4: packet.routeWord) : packet.quotedSource, packet,
            from: station, second: second, seconds: Self.redirectSeconds)
    }

    private mutating func noteSearch(of address: IPAddress, _ slot: Int) {
        hosts[slot].arpTargets.insert(
            Self.searchKey(address), second: second, isNovel: false)
        noteProbe(slot)
    }

    /// Notes that an address is certainly in use.
    mutating func notePresence(of sender: MACBindingTable.Sender, _ packet: Packet) {
        guard !sender.isForeign, !sender.isContested, sender.evidence != .address else { return }
        present.note(packet.source, second: second)
    }

    // MARK: - Answers

    /// Notes that a neighbour answers a host's question, and is no discovery of a scan.
    ///
    /// - Parameter source: the source address of the answer's packet, if it has one.
    private mutating func noteAnswer(_ answer: Packet, bearing source: IPAddress? = nil) {
        guard solicitations.wasAsked(answer, second: second),
            mayAnswer(answer, bearing: source ?? answer.source),
            let slot = slots[answer.destination]
                ?? askers[answer.destination].flatMap({ liveSlot($0) }),
            hosts[slot].isLive, hosts[slot].port == 0 || hosts[slot].port != answer.port,
            !isToItself(answer)
        else { return }
        // Others that answer explain none of those that do not.
        let key = Self.searchKey(answer.source)
        guard hosts[slot].arpTargets.contains(key, at: second) else { return }
        hosts[slot].arpAnswers.insert(key, second: second, isNovel: false)
    }

    private static func searchKey(_ address: IPAddress) -> UInt64 {
        address.high ^ DistinctWindow.mix(address.low)
    }

    /// Whether an answer may be that of the address it is about: nobody at the port of a single
    /// host may answer for another.
    private mutating func mayAnswer(_ answer: Packet, bearing source: IPAddress) -> Bool {
        let station = station(of: answer)
        if answer.port != 0, station.port == 0 || station.port == Station.node { return true }
        if answer.port != 0, ports.owner(of: answer.source) == answer.port { return true }
        guard source == answer.source else { return false }
        let sender = sender(of: answer)
        return !sender.isNobody && !sender.isForeign && sender.evidence != .address
    }

    /// Remembers which host asked with an address: it may be its link-local one.
    private mutating func noteAsker(_ address: IPAddress, _ slot: Int) {
        if askers.count >= Self.mostAskers, askers[address] == nil { askers = [:] }
        let generation = UInt32(hosts[slot].generation & Self.generationMask)
        askers[address] = UInt32(slot + 1) | generation << 24
    }

    private static let mostAskers = 4096
}
