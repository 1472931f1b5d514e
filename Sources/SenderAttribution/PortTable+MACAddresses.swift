package import NetworkAddresses
package import PacketDecoding

/// MAC addresses of ports, and what is asked about ports and addresses.
extension PortTable {
    /// The port of another host that used a packet's source MAC address first, if this port had a
    /// MAC address of its own before; 0: none. A host that only ever had one MAC address may be the
    /// copy of another, on another bridge.
    package mutating func otherPort(ofMACOf packet: Packet) -> UInt32 {
        let (port, mac) = (packet.port, packet.sourceMAC)
        guard mac != .zero, !mac.isGroup, let record = records[port], !record.isShared else {
            return 0
        }
        guard let owner = macPorts[mac] else {
            claim(mac, for: port)
            return 0
        }
        guard owner != port, let other = records[owner], !other.isShared,
            !isSameHost(owner, record), record.firstMAC != .zero
        else { return 0 }
        // A packet from here must be checked again.
        forget(port)
        return owner
    }

    mutating func claim(_ mac: MACAddress, for port: UInt32) {
        guard macPorts[mac] == nil, macPorts.count < MACBindingTable.linkLimit else { return }
        macPorts[mac] = port
        if records[port]?.firstMAC == .zero { records[port]?.firstMAC = mac }
    }

    /// Whether only one host or container is behind a port.
    package func isOfOneHost(_ port: UInt32) -> Bool {
        guard port != 0, let record = records[port] else { return port != 0 }
        return !record.isShared && routerPorts[record.mac] != port
    }

    /// Whether a host that forwards packets of others is behind a port, by the baseline.
    func isOfRouter(_ port: UInt32) -> Bool {
        records[port].map { routerPorts[$0.mac] == port } ?? false
    }

    /// Whether a MAC address belongs to a port.
    package func isOfPort(_ mac: MACAddress) -> Bool { macPorts[mac] != nil }

    /// Whether no other port has a MAC address.
    package func mayHave(_ mac: MACAddress, at port: UInt32) -> Bool {
        macPorts[mac].map { $0 == port } ?? true
    }

    /// Whether two ports lead to the same host.
    package func areOfOneHost(_ one: UInt32, _ other: UInt32) -> Bool {
        one == other || records[one].map { isSameHost(other, $0) } ?? false
    }

    /// Whether the inventory lets a port's host hold an address of others.
    package func mayShare(_ address: IPAddress, at port: UInt32) -> Bool {
        records[port].map { sharers.mayShare(address, anyOf: $0.addresses) } ?? false
    }

    /// Whether the kernel lists an address at a port.
    package func lists(_ address: IPAddress, at port: UInt32) -> Bool {
        records[port]?.listed.contains(address) ?? false
    }

    /// The first address of a port.
    package func firstAddress(of port: UInt32) -> IPAddress? {
        records[port].flatMap { record in
            mainAddress(of: record, isIPv4: true) ?? mainAddress(of: record, isIPv4: false)
                ?? record.listed.first ?? record.addresses.first
        }
    }

    /// Queries both sides of a dispute: the kernel may know the new holder.
    package mutating func check(_ one: UInt32, _ other: UInt32) {
        if one != 0 { want(one) }
        if other != 0 { want(other) }
    }
}
