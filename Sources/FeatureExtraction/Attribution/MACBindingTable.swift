public import NetworkAddresses
import PacketDecoding
import Workloads

/// Bindings of MAC addresses to IP addresses; finds the true sender of a frame.
///
/// A MAC address that others use as their next hop is a router and may carry any source. Every
/// other one may use its own addresses; a frame from it with another's address is its own doing.
public struct MACBindingTable: Sendable {
    /// Addresses that one interface may hold as its own.
    static let addressLimit = 8
    /// Addresses that an interface may take on after the first, before more are called foreign.
    static let newAddressAllowance = 2
    /// Hardware addresses kept.
    static let linkLimit = 65_536
    /// Seconds of silence after which another interface may take over an address.
    static let takeoverSeconds = 5

    struct Record: Sendable {
        var addresses: [IPAddress] = []
        var isRouter = false
        /// Addresses gained since the start.
        var gained = 0
        /// Destinations that were not its own, first and number of changes: two or more make a
        /// router.
        var lastForwarded = IPAddress.unspecified
        var forwarded = 0
        var lastSecond = 0
        /// Where the last packet was judged, to answer the next one of its kind at once.
        var lastSource = IPAddress.unspecified
    }

    /// The address that a frame is charged to.
    public struct Sender: Sendable, Equatable {
        /// The address that the frame is held against.
        public var subject: IPAddress
        /// Whether the frame's own source address is another's.
        public var isForeign: Bool
    }

    private(set) var records: [MACAddress: Record] = [:]
    private var owners: [IPAddress: MACAddress] = [:]
    private let isLearning: Bool

    /// A table that starts from what a baseline and an inventory know.
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

    /// The sender of this frame; also learns its binding.
    ///
    /// - Parameter isFromAfar: whether the source is outside or a gateway: what carries it is a
    ///   router.
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
            // Someone with so many addresses forwards for others.
            if record.addresses.count >= Self.addressLimit { record.isRouter = true }
            return Sender(subject: source, isForeign: false)
        }
        return Sender(subject: record.addresses.first ?? source, isForeign: true)
    }

    /// An address has changed hands: the interface that had it has it no longer, and one that is
    /// left with none is forgotten.
    ///
    /// - Parameter mac: the interface of the new holder, where it is known.
    mutating func release(_ address: IPAddress, unless mac: MACAddress?) {
        guard let owner = owners[address], owner != mac, var record = records[owner],
            !record.isRouter
        else { return }
        owners[address] = nil
        record.addresses.removeAll { $0 == address }
        if record.lastSource == address { record.lastSource = .unspecified }
        records[owner] = record.addresses.isEmpty ? nil : record
    }

    /// Whether `mac` may carry the addresses of others.
    func isRouter(_ mac: MACAddress) -> Bool { records[mac]?.isRouter == true }

    /// The addresses a hardware address claims by ARP: true if one is another live interface's.
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

    /// A frame to a MAC address for an address that is not its own makes it a next hop.
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

    /// What a baseline keeps.
    var links: [MACAddress: CommunicationGraph.Link] {
        records.mapValues { .init(addresses: $0.addresses, isRouter: $0.isRouter) }
    }
}
