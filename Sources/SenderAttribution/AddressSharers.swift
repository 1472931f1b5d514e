package import NetworkAddresses
package import Workloads

/// Addresses that several hosts may hold in turn, such as those of VRRP: two instances of the
/// inventory name them.
package struct AddressSharers: Sendable {
    /// The addresses of every instance that may hold a shared address.
    private var holders: [IPAddress: Set<IPAddress>] = [:]
    private var macs: [IPAddress: Set<MACAddress>] = [:]

    package init(_ inventory: Inventory) {
        var instances: [IPAddress: [Inventory.Instance]] = [:]
        for member in inventory.workloads.flatMap(\.members) where member.addresses.count > 1 {
            for address in member.addresses { instances[address, default: []].append(member) }
        }
        for (address, members) in instances where members.count > 1 {
            holders[address] = Set(members.flatMap(\.addresses)).subtracting([address])
            macs[address] = Set(members.flatMap(\.macs))
        }
    }

    /// Whether a host with one of `own` may hold `address`.
    package func mayShare(_ address: IPAddress, anyOf own: [IPAddress]) -> Bool {
        guard !holders.isEmpty, let known = holders[address] else { return false }
        return own.contains { known.contains($0) }
    }

    /// The MAC addresses that may hold `address`.
    package func macs(of address: IPAddress) -> Set<MACAddress> { macs[address] ?? [] }

    /// Whether any address is shared.
    package var isEmpty: Bool { holders.isEmpty }
}

extension MACAddress {
    /// Whether it is the virtual MAC address of a VRRP group (RFC 5798, section 7.3): its holder
    /// changes.
    var isVirtualRouter: Bool {
        let prefix = value >> 8
        return prefix == 0x00_005E_0001 || prefix == 0x00_005E_0002
    }
}
