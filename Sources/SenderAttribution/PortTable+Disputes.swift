package import NetworkAddresses
import PacketDecoding

/// Addresses that the kernel lists at ports of several hosts.
///
/// A container can list any address: that of a neighbour, or one that a later container will get.
/// Who is right is known only where the baseline or the inventory gives the address a MAC address
/// that one of the ports used first. Otherwise each port is charged under an address that no other
/// has, and nobody is accused.
extension PortTable {
    /// Whether the kernel lists an address at ports of several hosts.
    package func isDisputed(_ address: IPAddress) -> Bool {
        !disputed.isEmpty && disputed.contains(address)
    }

    /// The answer about a packet whose source the kernel lists at its port and at another one.
    mutating func disputedAnswer(_ packet: Packet, _ record: Record) -> Answer {
        let source = packet.source
        let own =
            mainAddress(of: record, isIPv4: source.isIPv4)
            ?? mainAddress(of: record, isIPv4: !source.isIPv4)
        if let rightful = rightfulPort(of: source) {
            guard rightful != packet.port, !isSameHost(rightful, record) else {
                return .own(source)
            }
            return (own ?? linkAddress(of: record, at: packet.port))
                .map { .forged($0, isOthers: true) } ?? .contested
        }
        if let own { return .own(own) }
        let isOnlyOne = (listers[source] ?? []).allSatisfy { port in
            port == packet.port || isSameHost(port, record)
                || records[port].map { other in
                    mainAddress(of: other, isIPv4: true) != nil
                        || mainAddress(of: other, isIPv4: false) != nil
                } ?? true
        }
        if isOnlyOne { return .own(source) }
        return linkAddress(of: record, at: packet.port).map { .own($0) } ?? .contested
    }

    /// The port that used the MAC address first which an address has in baseline or inventory, if
    /// the kernel lists the address there.
    private func rightfulPort(of address: IPAddress) -> UInt32? {
        guard let mac = hostMACs[address], let port = macPorts[mac],
            listers[address]?.contains(port) == true
        else { return nil }
        return port
    }

    /// The link-local address of a port's first MAC address, unless it belongs to another port.
    func linkAddress(of record: Record, at port: UInt32) -> IPAddress? {
        guard record.firstMAC != .zero else { return nil }
        let address = IPAddress(linkLocalOf: record.firstMAC)
        return (owners[address] ?? port) == port ? address : nil
    }

    /// Sets the addresses that the kernel lists at a port, in place of those in `before`.
    mutating func setClaims(_ addresses: [IPAddress], of port: UInt32, before: [IPAddress]) {
        guard before != addresses else { return }
        records[port]?.claimed = addresses
        for address in before {
            listers[address]?.removeAll { $0 == port }
            if listers[address]?.isEmpty == true { listers[address] = nil }
        }
        for address in addresses where !address.isMartian {
            listers[address, default: []].append(port)
        }
        for address in before + addresses { settleDispute(about: address) }
    }

    private mutating func settleDispute(about address: IPAddress) {
        let ports = listers[address] ?? []
        // It was another's until now.
        if owners[address] == nil, let port = ports.first {
            owners[address] = port
            records[port]?.addresses.append(address)
            records[port]?.listed.append(address)
        }
        let isOpen = ports.dropFirst().contains { port in
            !(records[port].map { isSameHost(ports[0], $0) } ?? false)
        }
        guard isOpen != disputed.contains(address) else { return }
        if isOpen { disputed.insert(address) } else { disputed.remove(address) }
        for port in ports { forget(port) }
    }
}
