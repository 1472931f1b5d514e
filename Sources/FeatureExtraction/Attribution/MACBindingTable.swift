public import NetworkAddresses
import PacketDecoding
import Workloads

/// Bindings of MAC addresses to IP addresses; finds the true sender of a frame.
///
/// A MAC address that others use as their next hop is a router and may send any source address. Any
/// other may use its own addresses only; a frame from it with another host's address is charged to
/// it.
public struct MACBindingTable: Sendable {
    /// The greatest number of addresses of one interface; from here on it counts as a router.
    static let addressLimit = 8
    /// The number of addresses that an interface may add; further ones are foreign.
    static let newAddressAllowance = 2
    /// The greatest number of MAC addresses in the table.
    static let linkLimit = 65_536
    /// Seconds of silence after which another interface may take over an address.
    static let takeoverSeconds = 5

    struct Record: Sendable {
        var addresses: [IPAddress] = []
        var isRouter = false
        /// The number of addresses added since the start.
        var gained = 0
        /// The last destination that was not its own address, and the number of changes: two or
        /// more make it a router.
        var lastForwarded = IPAddress.unspecified
        var forwarded = 0
        var lastSecond = 0
        /// The source address of the last packet that was accepted, as a shortcut for the next one.
        var lastSource = IPAddress.unspecified
    }

    /// The address that a frame is charged to.
    public struct Sender: Sendable, Equatable {
        /// The address that the frame is charged to.
        public var subject: IPAddress
        /// Whether the frame's source address belongs to another host.
        public var isForeign: Bool
    }

    private(set) var records: [MACAddress: Record] = [:]
    private var owners: [IPAddress: MACAddress] = [:]
    private let isLearning: Bool

    /// Creates a table with the bindings of a baseline and an inventory.
    init(graph: CommunicationGraph?, inventory: Inventory, isLearning: Bool) {
        self.isLearning = isLearning
        for (mac, link) in graph?.links ?? [:] {
            records[mac] = Record(addresses: link.addresses, isRouter: link.isRouter)
            for address in link.addresses where !link.isRouter { owners[address] = mac }
        }
        for workload in inventory.workloads {
            let hosts = workload.addresses.filter(\.isHost).map(\.address)
            for (mac, address) in zip(workload.macs, hosts) where records[mac] == nil {
                records[mac] = Record(addresses: [address])
                owners[address] = mac
            }
        }
    }

    /// Returns the sender of this frame; also learns its binding.
    ///
    /// - Parameter isFromAfar: whether the source is outside or a gateway: an unknown MAC address
    ///   that sends it is a router.
    mutating func sender(of packet: Packet, second: Int, isFromAfar: Bool) -> Sender {
        let source = packet.source
        let mac = packet.sourceMAC
        guard mac != .zero && !mac.isGroup else { return Sender(subject: source, isForeign: false) }
        noteNextHop(packet)
        guard var record = records[mac] else {
            if records.count < Self.linkLimit {
                bind(mac, to: source, second: second)
                records[mac]?.isRouter = isFromAfar
                if isFromAfar { owners[source] = nil }
            }
            return Sender(subject: source, isForeign: false)
        }
        if record.isRouter || record.lastSource == source || Self.isFree(source) {
            records[mac]?.lastSecond = second
            return Sender(subject: source, isForeign: false)
        }
        defer {
            record.lastSecond = second
            records[mac] = record
        }
        if record.addresses.contains(source) {
            record.lastSource = source
            return Sender(subject: source, isForeign: false)
        }
        if mayTake(source, record, mac, second) {
            record.addresses.append(source)
            record.gained += 1
            record.lastSource = source
            owners[source] = mac
            // An interface with this many addresses forwards for others.
            if record.addresses.count >= Self.addressLimit { record.isRouter = true }
            return Sender(subject: source, isForeign: false)
        }
        return Sender(subject: record.addresses.first ?? source, isForeign: true)
    }

    /// Removes an address that has a new owner from its previous interface; an interface without
    /// addresses is removed.
    ///
    /// - Parameter mac: the interface of the new owner, if known.
    mutating func release(_ address: IPAddress, unless mac: MACAddress?) {
        guard let owner = owners[address], owner != mac, var record = records[owner],
            !record.isRouter
        else { return }
        owners[address] = nil
        record.addresses.removeAll { $0 == address }
        if record.lastSource == address { record.lastSource = .unspecified }
        records[owner] = record.addresses.isEmpty ? nil : record
    }

    /// Whether `mac` may send with the addresses of others.
    func isRouter(_ mac: MACAddress) -> Bool { records[mac]?.isRouter == true }

    /// Whether an address that `mac` claims by ARP belongs to another active interface.
    mutating func isConflictingClaim(_ address: IPAddress, by mac: MACAddress, second: Int) -> Bool
    {
        guard let owner = owners[address], owner != mac, let other = records[owner] else {
            return false
        }
        return !other.isRouter && second - other.lastSecond <= Self.takeoverSeconds
            && records[mac]?.isRouter != true
    }

    private static func isFree(_ address: IPAddress) -> Bool {
        address.isUnspecified || (!address.isIPv4 && address.isLinkLocal)
    }

    private mutating func bind(_ mac: MACAddress, to source: IPAddress, second: Int) {
        var record = Record()
        record.lastSecond = second
        if !Self.isFree(source) && !source.isMulticast {
            record.addresses = [source]
            record.lastSource = source
            owners[source] = mac
        }
        records[mac] = record
    }

    private func mayTake(
        _ source: IPAddress, _ record: Record, _ mac: MACAddress, _ second: Int
    ) -> Bool {
        if record.addresses.isEmpty || isLearning { return true }
        if let owner = owners[source], owner != mac, let other = records[owner], !other.isRouter,
            second - other.lastSecond <= Self.takeoverSeconds
        {
            return false
        }
        let sameFamily = record.addresses.count { $0.isIPv4 == source.isIPv4 }
        return sameFamily == 0 || record.gained < Self.newAddressAllowance
    }

    /// Records a frame for an address that the destination MAC address does not own: the sign of a
    /// next hop.
    mutating func noteNextHop(_ packet: Packet) {
        let mac = packet.destinationMAC
        guard packet.kind == .ip, !mac.isGroup, mac != .zero, var record = records[mac],
            !record.isRouter, packet.destination != record.lastForwarded,
            !record.addresses.contains(packet.destination)
        else { return }
        record.lastForwarded = packet.destination
        record.forwarded += 1
        if record.forwarded >= 2 { record.isRouter = true }
        records[mac] = record
    }

    /// The bindings that a baseline stores.
    var links: [MACAddress: CommunicationGraph.Link] {
        records.mapValues { .init(addresses: $0.addresses, isRouter: $0.isRouter) }
    }
}
