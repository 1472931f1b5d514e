package import NetworkAddresses
package import PacketDecoding
package import Timestamps

/// Where a frame came from: a port that leads to one host, otherwise a MAC address.
package struct Station: Sendable, Equatable {
    /// 0: unknown, or several hosts are behind it.
    package var port: UInt32
    package var mac: MACAddress

    package static let node = UInt32.max

    package init(port: UInt32, mac: MACAddress) {
        self.port = port
        self.mac = mac
    }

    package func isSame(as other: Station) -> Bool {
        port != 0 && other.port != 0 ? port == other.port : mac == other.mac
    }
}

/// Claims of an address, or of a MAC address, that another station holds, until it is clear who is
/// right.
///
/// A claim alone proves little: a backup takes over when the master fails, and a new container gets
/// the address of an old one. It is a takeover when the holder is still there. Where the
/// configuration, the kernel or the training names the holder, any later packet of the holder
/// shows that. Where the holder is only the first that was seen, both must use the address in
/// turns: a holder that gives it up does not use it again. Memory is fixed.
package struct AddressDisputes: Sendable {
    package struct Dispute: Sendable {
        package var takeover: Takeover
        /// The packet with the claim, and the host that it is attributed to.
        package var packet: Packet
        package var sender: MACBindingTable.Sender
        package var taker: Station
        package var holder: Station
        /// Whether configuration, kernel or training name the holder.
        package var isStated: Bool
        /// How long after the claim a packet of the holder counts.
        package var delay: Interval
        package var last: Timestamp
        /// Changes between holder and taker in the use of the address.
        var turns = 0
        var isHoldersTurn = false
        /// When the holder announced that it has the address again, and whether the taker has used
        /// it since.
        var returned: Timestamp?
        var isInsisted = false

        package init(
            takeover: Takeover, packet: Packet, sender: MACBindingTable.Sender, taker: Station,
            holder: Station, isStated: Bool, delay: Interval, last: Timestamp
        ) {
            self.takeover = takeover
            self.packet = packet
            self.sender = sender
            self.taker = taker
            self.holder = holder
            self.isStated = isStated
            self.delay = delay
            self.last = last
        }
    }

    /// Claims that are open at a time; a newer one replaces the one that was silent longest.
    package static let limit = 16
    /// Claims that were decided.
    static let decidedLimit = 256
    private static let turnsNeeded = 3
    /// Without a claim for so long, a dispute is over.
    private static let quiet = Interval.seconds(60)
    /// Packets of the holder that were under way when the address was claimed.
    private static let underWay = Interval.milliseconds(500)

    /// An address that a station announces, which another holds.
    private struct Claim {
        var address: IPAddress
        var taker: Station
        var time: Timestamp
        /// When another station used the address.
        var opposed: Timestamp?
    }

    /// The newest claims, the oldest first.
    private var claims: [Claim] = []

    private var open: [Dispute] = []
    /// The takers of addresses, so that their next claims need no further proof.
    private var decided: [(address: IPAddress, mac: MACAddress, taker: Station, time: Timestamp)] =
        []

    package init() {}

    package var isEmpty: Bool { open.isEmpty && claims.isEmpty }

    /// Whether a station announced an address, and no other has used it since.
    package func isUnopposed(_ address: IPAddress, by station: Station) -> Bool {
        claims.contains {
            $0.address == address && $0.taker.isSame(as: station) && $0.opposed == nil
        }
    }

    private mutating func claim(_ address: IPAddress, by taker: Station, at time: Timestamp) {
        if let index = claims.firstIndex(where: { $0.address == address }) {
            if claims[index].taker.isSame(as: taker) {
                guard let opposed = claims[index].opposed, time - opposed > Self.quiet else {
                    return
                }
            }
            claims.remove(at: index)
        } else if claims.count >= Self.limit {
            claims.removeFirst()
        }
        claims.append(Claim(address: address, taker: taker, time: time))
    }

    /// Notes that a station uses an address. A holder that announces it has got it back.
    private mutating func note(_ packet: Packet, from station: Station) {
        guard let index = claims.firstIndex(where: { $0.address == packet.source }),
            !claims[index].taker.isSame(as: station)
        else { return }
        if Self.isAnnouncement(packet), claims[index].opposed == nil {
            claims.remove(at: index)
        } else if packet.time - claims[index].time >= Self.underWay {
            claims[index].opposed = packet.time
        }
    }

    /// Whether a packet tells all hosts that its sender has an address, which a host does that
    /// takes a service over (RFC 5227, 3; RFC 4861, 7.2.6). Who asks for others in its name tells
    /// nobody.
    private static func isAnnouncement(_ packet: Packet) -> Bool {
        packet.arpOperation == 0
            ? packet.icmpType == 136 && packet.destinationMAC.isGroup
            : packet.source == packet.destination
    }

    /// Whether this station was shown to have taken that address, or MAC address, lately.
    package mutating func isDecided(
        _ address: IPAddress, _ mac: MACAddress, _ taker: Station, at time: Timestamp
    ) -> Bool {
        guard
            let index = decided.firstIndex(where: {
                $0.address == address && $0.mac == mac && $0.taker.isSame(as: taker)
            })
        else { return false }
        guard time - decided[index].time < Interval.seconds(600) else { return false }
        decided[index].time = time
        return true
    }

    /// Opens a dispute, or notes another claim in it.
    package mutating func add(_ dispute: Dispute) {
        let time = dispute.packet.time
        if dispute.takeover.kind != .macAddress, Self.isAnnouncement(dispute.packet) {
            claim(dispute.takeover.address, by: dispute.taker, at: time)
        }
        for index in open.indices where isSame(open[index], dispute) {
            open[index].last = time
            open[index].takeover.count += 1
            return
        }
        open.removeAll { time - $0.last > Self.quiet }
        if open.count >= Self.limit,
            let oldest = open.indices.min(by: { open[$0].last < open[$1].last })
        {
            open.remove(at: oldest)
        }
        open.append(dispute)
    }

    private func isSame(_ one: Dispute, _ other: Dispute) -> Bool {
        one.takeover.kind == other.takeover.kind && one.takeover.address == other.takeover.address
            && (one.takeover.kind != .macAddress || one.takeover.holder == other.takeover.holder)
            && one.taker.isSame(as: other.taker)
    }

    /// Notes a packet while a dispute is open.
    ///
    /// - Returns: a dispute that this packet decides against the taker.
    package mutating func decide(_ packet: Packet, from station: Station) -> Dispute? {
        note(packet, from: station)
        var index = 0
        while index < open.count {
            if packet.time - open[index].last > Self.quiet {
                open.remove(at: index)
                continue
            }
            if open[index].taker.isSame(as: station) {
                noteUse(packet, index, byHolder: false)
            } else if open[index].holder.isSame(as: station) {
                noteUse(packet, index, byHolder: true)
                noteReturn(packet, index)
                if isProven(index, by: packet) {
                    let dispute = open.remove(at: index)
                    remember(dispute, at: packet.time)
                    return dispute
                }
            }
            index += 1
        }
        return nil
    }

    private mutating func noteUse(_ packet: Packet, _ index: Int, byHolder: Bool) {
        guard Self.uses(packet, open[index].takeover) else { return }
        if !byHolder, let returned = open[index].returned,
            packet.time - returned >= Self.underWay
        {
            open[index].isInsisted = true
        }
        guard open[index].isHoldersTurn != byHolder else { return }
        open[index].isHoldersTurn = byHolder
        open[index].turns += 1
        if !byHolder { open[index].last = packet.time }
    }

    private static func uses(_ packet: Packet, _ takeover: Takeover) -> Bool {
        takeover.kind == .macAddress
            ? packet.sourceMAC == takeover.holder
            : packet.source == takeover.address
                || packet.icmpType == 136 && packet.quotedSource == takeover.address
    }

    /// Notes that the holder of a service address announces that it has it again.
    private mutating func noteReturn(_ packet: Packet, _ index: Int) {
        let takeover = open[index].takeover
        guard open[index].returned == nil, !takeover.isGateway, takeover.kind != .macAddress,
            packet.source == takeover.address, Self.isAnnouncement(packet)
        else { return }
        open[index].returned = packet.time
    }

    /// Whether a packet of the holder shows that it has not given the address up. A gateway seldom
    /// uses its own.
    private func isProven(_ index: Int, by packet: Packet) -> Bool {
        // Its own again: no proof, unless both use it.
        if open[index].returned != nil, !open[index].isInsisted { return false }
        guard open[index].isStated else { return open[index].turns >= Self.turnsNeeded }
        return packet.time - open[index].packet.time >= open[index].delay
            && (open[index].takeover.isGateway || open[index].holder.port == Station.node
                || Self.uses(packet, open[index].takeover))
    }

    /// Records a takeover that needs no answer of the holder.
    package mutating func remember(_ dispute: Dispute, at time: Timestamp) {
        if decided.count >= Self.decidedLimit { decided.removeFirst() }
        let mac = dispute.takeover.kind == .macAddress ? dispute.takeover.holder : .zero
        decided.append((dispute.takeover.address, mac, dispute.taker, time))
    }

    /// Forgets the claims of ports that are gone, and on their addresses.
    package mutating func remove(_ ports: Set<UInt32>) {
        open.removeAll { ports.contains($0.taker.port) || ports.contains($0.holder.port) }
        claims.removeAll { ports.contains($0.taker.port) }
        decided.removeAll { ports.contains($0.taker.port) }
    }

    /// Forgets the claims on an address whose holder an engine or the kernel names.
    package mutating func settle(_ address: IPAddress) {
        open.removeAll { $0.takeover.kind != .macAddress && $0.takeover.address == address }
        claims.removeAll { $0.address == address }
        decided.removeAll { $0.address == address && $0.mac == .zero }
    }

    package mutating func removeAll() {
        open.removeAll()
        claims.removeAll()
        decided.removeAll()
    }
}
