package import NetworkAddresses
package import PacketDecoding

/// MAC addresses that forward packets of other hosts.
extension MACBindingTable {
    /// Whether `mac` may send with the addresses of others.
    package func isRouter(_ mac: MACAddress) -> Bool {
        records.place(of: mac).map { records[$0].isRouter } ?? false
    }

    /// The first address of a MAC address that is no router's.
    package func hostAddress(of mac: MACAddress) -> IPAddress? {
        guard let place = records.place(of: mac), !records[place].isRouter else { return nil }
        return records[place].addresses.first
    }

    /// Whether a MAC address may become a router by what it sends. One that training, inventory or
    /// engine know as a host's may not.
    func mayBecomeRouter(_ record: borrowing Record) -> Bool { isLearning || !record.isKnown }

    /// Applies the node's routing table: a MAC address is that of a next hop.
    ///
    /// A MAC address that training, inventory or engine know by other addresses is none: to answer
    /// for the gateway in ARP makes no router.
    package mutating func know(router mac: MACAddress, at gateways: Set<IPAddress>) {
        guard mac != .zero, !mac.isGroup, records.count < Self.linkLimit || records[mac] != nil
        else { return }
        var record = records[mac] ?? Record()
        guard
            !record.isKnown || record.addresses.isEmpty
                || record.addresses.contains(where: gateways.contains)
        else { return }
        record.isRouter = true
        records[mac] = record
    }

    /// Records a frame for an address that the destination MAC address does not own: the sign of a
    /// next hop.
    package mutating func noteNextHop(_ packet: Packet) {
        let mac = packet.destinationMAC
        // A tunnel's inner packet is not for the host with the frame's MAC address.
        guard packet.kind == .ip, packet.tunnel == .none, !mac.isGroup, mac != .zero,
            mac != packet.sourceMAC, !packet.destination.isMartian,
            let place = records.place(of: mac), !records[place].isRouter,
            mayBecomeRouter(records[place]),
            packet.destination != records[place].lastForwarded,
            !records[place].addresses.contains(packet.destination)
        else { return }
        records[place].lastForwarded = packet.destination
        records[place].forwarded += 1
        if records[place].forwarded >= 2 { records[place].isRouter = true }
    }

    /// Records that a MAC address receives what is sent to an outside address that is not its own.
    ///
    /// - Returns: whether it became a router by that.
    package mutating func noteRouted(_ source: IPAddress, by mac: MACAddress) -> Bool {
        var sources = routed[mac] ?? []
        guard isHost(mac), !sources.contains(source), !source.isMartian
        else { return false }
        sources.append(source)
        guard sources.count == Self.routerAddresses else {
            // MAC addresses that are no longer in the table leave their entries.
            if routed.count >= Self.linkLimit { routed.removeAll() }
            routed[mac] = sources
            return false
        }
        routed[mac] = nil
        records[mac]?.isRouter = true
        return true
    }
}

/// MAC addresses that answer DHCP clients.
extension MACBindingTable {
    /// Whether anybody answered DHCP clients in training.
    package var hasDHCPServer: Bool { records.all.contains { $0.1.isDHCPServer } }

    /// Whether `mac` answered DHCP clients in training.
    package func isDHCPServer(_ mac: MACAddress) -> Bool {
        records.place(of: mac).map { records[$0].isDHCPServer } ?? false
    }

    /// Records in training that a MAC address answers DHCP clients.
    package mutating func noteDHCPServer(_ mac: MACAddress) { records[mac]?.isDHCPServer = true }
}
