internal import NetworkAddresses

extension Inventory.Workload {
    /// Every replica with the host addresses that it has.
    ///
    /// An address that is in none of `instances` counts as a replica of its own. One IPv4 and one
    /// IPv6 address without other addresses belong to one host. With as many MAC addresses as
    /// addresses of each family, a replica of each family has the MAC address at its place.
    public var members: [Inventory.Instance] {
        let hosts = addresses.filter(\.isHost).map(\.address)
        let present = Set(hosts)
        let known = instances.compactMap { instance -> Inventory.Instance? in
            let addresses = instance.addresses.filter(present.contains)
            return addresses.isEmpty
                ? nil : Inventory.Instance(addresses: addresses, macs: instance.macs)
        }
        let isOneHost =
            hosts.count == 1 || hosts.count == 2 && hosts[0].isIPv4 != hosts[1].isIPv4
        if known.isEmpty, isOneHost, macs.count <= 1 || hosts.count == 1 {
            return [Inventory.Instance(addresses: hosts, macs: macs)]
        }
        let taken = Set(known.flatMap(\.addresses))
        let families = [hosts.filter(\.isIPv4), hosts.filter { !$0.isIPv4 }]
        let arePaired = families.allSatisfy { $0.count == macs.count }
        return known
            + (arePaired ? families : [hosts]).flatMap { hosts in
                hosts.enumerated().filter { !taken.contains($0.element) }.map { index, address in
                    Inventory.Instance(
                        addresses: [address], macs: index < macs.count ? [macs[index]] : [])
                }
            }
    }
}

extension Inventory {
    /// The instances that have several addresses, by their workload's name: addresses of one
    /// container, or of one interface.
    static func instances(of holders: [IPAddress: Holder]) -> [String: [Instance]] {
        enum Key: Hashable {
            case instance(String)
            case mac(MACAddress)
        }
        var groups: [String: [Key: Instance]] = [:]
        for (address, holder) in holders.sorted(by: { $0.key < $1.key }) {
            guard let key = holder.instance.map(Key.instance) ?? holder.mac.map(Key.mac) else {
                continue
            }
            var instance = groups[holder.workload]?[key] ?? Instance(addresses: [])
            instance.addresses.append(address)
            if let mac = holder.mac, !instance.macs.contains(mac) { instance.macs.append(mac) }
            groups[holder.workload, default: [:]][key] = instance
        }
        return groups.mapValues { group in
            group.values.filter { $0.addresses.count > 1 }
                .sorted { $0.addresses[0] < $1.addresses[0] }
        }
    }
}
