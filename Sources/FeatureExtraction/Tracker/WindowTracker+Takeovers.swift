import BaselineGraph
import NetworkAddresses
import PacketDecoding
import SenderAttribution
import Timestamps
import Workloads

/// Hosts that take the place of others on their link.
extension WindowTracker {
    private static let announcedLimit = 65_536

    /// Where a frame came from.
    @inline(__always)
    func station(of packet: Packet) -> Station {
        // Some captures have a second view of other hosts' frames, as they go out.
        if packet.port != 0, packet.packetType == .outgoing, !ports.isOfPort(packet.sourceMAC),
            !links.isHost(packet.sourceMAC)
        {
            return Station(port: Station.node, mac: packet.sourceMAC)
        }
        let isOfOneHost = packet.packetType != .outgoing && ports.isOfOneHost(packet.port)
        return Station(port: isOfOneHost ? packet.port : 0, mac: packet.sourceMAC)
    }

    /// Whether a packet's source was first announced elsewhere, and may not be shared.
    @inline(__always)
    func isHeldElsewhere(_ packet: Packet) -> Bool {
        guard let holder = announced[packet.source] else { return false }
        let station = station(of: packet)
        return !holder.isSame(as: station) && holder.port != Station.node
            && !links.isKnown(packet.sourceMAC, toHave: packet.source)
            && !mayShare(packet.source, station)
    }

    /// Processes a message by which hosts learn addresses and routes.
    mutating func observeAnnouncement(_ packet: Packet) {
        switch packet.announcement {
        case .none: break
        case .neighbour where packet.icmpType == 136:
            let mac = packet.arpSenderMAC == .zero ? packet.sourceMAC : packet.arpSenderMAC
            noteAnnouncement(packet, of: packet.quotedSource, as: mac, .neighbour)
        case .neighbour:
            guard packet.arpSenderMAC != .zero else { break }
            noteAnnouncement(packet, of: packet.source, as: packet.arpSenderMAC, .neighbour)
        case .router, .redirect: noteRouter(packet)
        case .dhcpReply: noteServer(packet)
        }
    }

    // MARK: - Addresses

    /// Notes that ARP or neighbour discovery announces an address at a MAC address.
    mutating func noteAnnouncement(
        _ packet: Packet, of address: IPAddress, as mac: MACAddress, _ kind: Takeover.Kind
    ) {
        guard !address.isMartian, packet.sourceMAC != .zero else { return }
        let station = station(of: packet)
        if packet.arpOperation == 1 { solicitations.note(packet, second: second) }
        if station.port == Station.node { return announce(address, at: station) }
        let place = resolver.resolve(address, in: graph).place
        if isRouter(station) {
            // A gateway takes precedence over a host that announced its address first.
            let holder = announced[address]
            if holder.map({ place == .gateway && !isRouter($0) && $0.port != Station.node }) ?? true
            {
                announce(address, at: station)
            }
            return
        }
        noteFlood(packet, station, kind)
        guard place != .group else { return }
        guard !isRightful(station, address) else { return announce(address, at: station) }
        if let holder = announced[address], holder.isSame(as: station) { return }
        dispute(address, place, claim: packet, by: station, mac, kind)
    }

    private mutating func announce(_ address: IPAddress, at station: Station) {
        guard announced.count < Self.announcedLimit || announced[address] != nil else { return }
        announced[address] = station
    }

    /// Whether kernel, configuration, training or engine let a station announce an address.
    @inline(__always)
    private func isRightful(_ station: Station, _ address: IPAddress) -> Bool {
        if station.port != 0 {
            let owner = ports.owner(of: address)
            return owner != 0 && ports.areOfOneHost(owner, station.port)
                || ports.lists(address, at: station.port) || mayShare(address, station)
        }
        return links.isKnown(station.mac, toHave: address) || mayShare(address, station)
    }

    @inline(__always)
    private func mayShare(_ address: IPAddress, _ station: Station) -> Bool {
        guard !sharers.isEmpty else { return false }
        return station.port != 0
            ? ports.mayShare(address, at: station.port)
            : sharers.macs(of: address).contains(station.mac)
    }

    /// Whether inventory or training name an address as that of the station's MAC address, which no
    /// other port has.
    private func isNamedOwner(_ station: Station, _ address: IPAddress) -> Bool {
        links.isKnown(station.mac, toHave: address)
            && (station.port == 0 || ports.mayHave(station.mac, at: station.port))
    }

    /// Whether a station may speak for others.
    func isRouter(_ station: Station) -> Bool {
        station.port == 0 && links.isRouter(station.mac)
    }

    /// Whether training or inventory know the host behind a station.
    private func isKnownHost(_ station: Station) -> Bool {
        links.isKnownHost(station.mac)
            || station.port != 0
                && ports.record(of: station.port).map { links.isKnownHost($0.mac) } ?? false
    }

    /// Opens a dispute about an address that another station holds; otherwise the station holds it
    /// from now on.
    private mutating func dispute(
        _ address: IPAddress, _ place: Identity.Place, claim packet: Packet, by station: Station,
        _ mac: MACAddress, _ kind: Takeover.Kind
    ) {
        let isGateway = place == .gateway
        let isHost = station.port != 0 || links.isKnownHost(station.mac)
        var holder = announced[address]
        var isStated = false
        var delay = Interval.milliseconds(500)
        let owner = ports.owner(of: address)
        if owner != 0, owner != station.port {
            holder = Station(port: owner, mac: ports.record(of: owner)?.mac ?? .zero)
            isStated = ports.lists(address, at: owner) && !ports.isDisputed(address)
            // The kernel is asked first: the address may have moved.
            delay = .seconds(3)
            ports.check(owner, station.port)
        } else if holder?.port == Station.node || isGateway && isHost {
            // The node's own address, or a network's gateway: no container's.
            holder = holder ?? Station(port: Station.node, mac: .zero)
            isStated = true
            delay = isHost ? .zero : delay
        } else if let (mac, isKnown) = links.holder(of: address, otherThan: station.mac) {
            holder = Station(port: 0, mac: mac)
            isStated = isKnown
        } else if let known = holder {
            isStated = isGateway || isHost && links.isRouter(known.mac)
        }
        guard var holder else { return announce(address, at: station) }
        var taker = station
        // Inventory and training say whose it is, although another announced it first.
        if !isGateway, !isStated, holder.port != Station.node, isNamedOwner(station, address),
            !links.isKnown(holder.mac, toHave: address)
        {
            if let first = announced[address], first.port == holder.port { holder = first }
            swap(&holder, &taker)
            ports.release(address)
            announce(address, at: holder)
            isStated = true
        }
        // Of two that are not known, the one that already had an address of its own is the newcomer
        // to this one.
        if !isStated, holder.port == 0, station.port == 0,
            links.firstAddress(of: holder.mac, otherThan: address) != nil,
            links.firstAddress(of: station.mac, otherThan: address) == nil
        {
            swap(&holder, &taker)
            announce(address, at: holder)
        }
        var claim = packet
        claim.sourceMAC = taker.mac
        if taker.port != station.port { claim.port = taker.port }
        let sender = takerSender(taker, otherThan: address, claim)
        // Who announced an address first may have taken it from a host that starts later.
        let isOwnerKnown =
            isStated || links.isKnown(holder.mac, toHave: address) || isKnownHost(taker)
        var takeover = Takeover(
            kind: kind, address: address, holder: holder.mac, isGateway: isGateway,
            evidence: isOwnerKnown ? sender.evidence : .address)
        takeover.second = second
        let open = AddressDisputes.Dispute(
            takeover: takeover, packet: claim, sender: sender, taker: taker, holder: holder,
            isStated: isStated, delay: delay, last: packet.time)
        if disputes.isDecided(address, .zero, taker, at: packet.time) {
            noteTakeover(open)
        } else if isStated, delay == .zero {
            disputes.remember(open, at: packet.time)
            noteTakeover(open)
        } else {
            disputes.add(open)
        }
    }

    /// Passes a packet to the open disputes.
    mutating func decideDisputes(_ packet: Packet) {
        guard packet.kind != .other, packet.sourceMAC != .zero else { return }
        guard let decided = disputes.decide(packet, from: station(of: packet)) else { return }
        // The kernel may have listed the address at the new port in the meantime.
        if decided.takeover.kind != .macAddress,
            isRightful(decided.taker, decided.takeover.address)
        {
            disputes.settle(decided.takeover.address)
            announce(decided.takeover.address, at: decided.taker)
        } else {
            noteTakeover(decided)
        }
    }

    /// Opens a dispute if a packet's MAC address belongs to another port.
    mutating func checkMAC(_ packet: Packet) {
        guard packet.packetType != .outgoing else { return }
        let owner = ports.otherPort(ofMACOf: packet)
        guard owner != 0 else { return }
        let taker = Station(port: packet.port, mac: packet.sourceMAC)
        let sender = takerSender(taker, otherThan: .unspecified, packet)
        let open = AddressDisputes.Dispute(
            takeover: Takeover(
                kind: .macAddress, address: .unspecified, holder: packet.sourceMAC,
                evidence: sender.evidence),
            packet: packet, sender: sender, taker: taker,
            holder: Station(port: owner, mac: packet.sourceMAC), isStated: false, delay: .zero,
            last: packet.time)
        if disputes.isDecided(.unspecified, packet.sourceMAC, taker, at: packet.time) {
            noteTakeover(open)
        } else {
            disputes.add(open)
        }
    }

    // MARK: - Roles

    /// A router advertisement or a redirect.
    ///
    /// A host that forwards packets redirects in its own name who sends it one for a neighbour, and
    /// hosts heed only redirects of their gateway (RFC 1122, section 3.2.2.2).
    private mutating func noteRouter(_ packet: Packet) {
        let isInOwnName = packet.announcement == .redirect && !sender(of: packet).isForeign
        let station = station(of: packet)
        noteNextHop(packet, station, isInOwnName: isInOwnName)
        if isInOwnName { return }
        guard station.port != Station.node, packet.sourceMAC != .zero,
            !isRouter(station)
        else { return }
        if mode != .monitoring, packet.announcement == .router {
            if firstAdvertiser == nil { firstAdvertiser = station }
            guard firstAdvertiser?.isSame(as: station) == false else { return }
        }
        noteRogue(packet, station, .router)
    }

    /// An answer of a DHCP server.
    private mutating func noteServer(_ packet: Packet) {
        let station = station(of: packet)
        guard packet.sourceMAC != .zero else { return }
        let isKnown =
            station.port == Station.node || isRouter(station)
            || links.isDHCPServer(station.mac)
                && (station.port == 0 || ports.otherPort(ofMACOf: packet) == 0)
        guard !isKnown else {
            dhcp.hasServer = true
            return
        }
        if mode != .monitoring {
            if firstServer == nil { firstServer = station }
            guard firstServer?.isSame(as: station) == false else { return }
        }
        // Where no server is known, the first one that clients ask may be theirs.
        let isFirst =
            !dhcp.hasServer && !links.hasDHCPServer
            && second - dhcp.askedSecond <= Scale.long.seconds
            && dhcp.asker.map { !$0.isSame(as: station) } ?? false
        noteRogue(packet, station, .dhcp, isProven: !isFirst)
    }

    /// A question to DHCP servers.
    mutating func noteDHCPClient(_ packet: Packet) {
        dhcp.asker = station(of: packet)
        dhcp.askedSecond = second
    }

    private mutating func noteRogue(
        _ packet: Packet, _ station: Station, _ kind: Takeover.Kind, isProven: Bool = true
    ) {
        let sender = takerSender(station, otherThan: .unspecified, packet)
        noteTakeover(
            AddressDisputes.Dispute(
                takeover: Takeover(
                    kind: kind, address: packet.source,
                    evidence: isProven ? sender.evidence : .address),
                packet: packet, sender: sender, taker: station, holder: station, isStated: true,
                delay: .zero, last: packet.time))
    }

    /// Counts unrequested announcements.
    private mutating func noteFlood(
        _ packet: Packet, _ station: Station, _ kind: Takeover.Kind
    ) {
        var reply = packet
        if packet.icmpType == 136 {
            reply.source = packet.quotedSource
            // The answer to a question without a sender's address goes to all.
            if packet.destination.isMulticast { reply.destination = .unspecified }
        }
        let isAnswer =
            kind == .arp && packet.arpOperation == 1
            ? packet.source != packet.destination
            : packet.icmpType == 135 || solicitations.wasAsked(reply, second: second)
        guard !isAnswer, announcements.note(station, second: second) else { return }
        noteRogue(packet, station, .flood)
    }

    // MARK: - Hosts

    /// The host of a station that takes another's place: never the holder of the address.
    mutating func takerSender(
        _ station: Station, otherThan address: IPAddress, _ packet: Packet
    ) -> MACBindingTable.Sender {
        if station.port != 0 {
            let own =
                ports.firstAddress(of: station.port) ?? IPAddress(linkLocalOf: packet.sourceMAC)
            return MACBindingTable.Sender(subject: own, isForeign: true, evidence: .port)
        }
        let evidence: Evidence = links.isEvidence(station.mac) ? .mac : .address
        let own =
            links.firstAddress(of: station.mac, otherThan: address)
            ?? IPAddress(linkLocalOf: station.mac)
        return MACBindingTable.Sender(subject: own, isForeign: true, evidence: evidence)
    }

    private mutating func noteTakeover(_ dispute: AddressDisputes.Dispute) {
        guard let slot = slot(of: dispute.sender, dispute.packet) else { return }
        note(dispute.takeover, slot)
    }

    /// Notes that a host forwards packets which another host had sent to its MAC address.
    mutating func noteForwarding(
        _ packet: Packet, _ sender: MACBindingTable.Sender, _ slot: Int
    ) {
        note(
            Takeover(kind: .nextHop, address: packet.source, evidence: sender.evidence), slot)
    }

    private mutating func note(_ takeover: Takeover, _ slot: Int) {
        var takeover = takeover
        if let before = hosts[slot].takeover, second - before.second < Scale.short.seconds {
            if before.kind == takeover.kind {
                takeover.count = before.count + 1
            } else if before.kind.rawValue < takeover.kind.rawValue {
                // What explains the rest stays.
                hosts[slot].takeover?.second = second
                hosts[slot].now[.activity] &+= 1
                hosts[slot].lastSecond = second
                return
            }
        }
        takeover.second = second
        hosts[slot].takeover = takeover
        hosts[slot].now[.activity] &+= 1
        hosts[slot].lastSecond = second
    }
}
