package import NetworkAddresses
package import Workloads

/// Owners of MAC addresses that an inventory names.
extension MACBindingTable {
    /// Binds the addresses of a member to its MAC addresses. Of several, each has the address at
    /// its index; one alone has all.
    ///
    /// The inventory is newer than the training: an address may have another owner by now, unless
    /// the training gives it to another MAC address of the same workload.
    mutating func bind(_ member: Inventory.Instance, of workload: Inventory.Workload) {
        let macs = workload.macs + workload.instances.flatMap(\.macs)
        for (place, mac) in member.macs.enumerated() where records[mac]?.isRouter != true {
            let addresses =
                member.macs.count == 1
                ? member.addresses : Array(member.addresses.dropFirst(place).prefix(1))
            var record = records[mac] ?? Record()
            record.isKnown = true
            for address in addresses
            where !address.isMartian && owners[address].map({ !macs.contains($0) }) ?? true {
                owners[address] = mac
                record.hasKnownAddress = true
                if !record.addresses.contains(address) { record.addresses.append(address) }
            }
            records[mac] = record
        }
    }

    package mutating func share(_ member: Inventory.Instance, _ sharers: AddressSharers) {
        guard !sharers.isEmpty else { return }
        for address in member.addresses where !address.isMartian {
            for mac in member.macs where sharers.macs(of: address).contains(mac) {
                guard records[mac]?.addresses.contains(address) == false else { continue }
                records[mac]?.addresses.append(address)
            }
        }
    }

    /// Applies an engine's statement of which MAC address has an address.
    package mutating func know(_ mac: MACAddress, has address: IPAddress) {
        guard mac != .zero, !mac.isGroup, records.count < Self.linkLimit || records[mac] != nil
        else { return }
        var record = records[mac] ?? Record()
        record.isKnown = true
        record.isRouter = false
        records[mac] = record
        guard !address.isMartian else { return }
        records[mac]?.hasKnownAddress = true
        records[mac]?.doubted.removeAll { $0 == address }
        if !record.addresses.contains(address) { records[mac]?.addresses.append(address) }
        owners[address] = mac
    }
}
