package import BaselineGraph
public import NetworkAddresses
package import PacketDecoding
package import Workloads

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
    /// The number of outside addresses that make a router of a host that answers for them.
    static let routerAddresses = 3
    /// Seconds for which a MAC address counts as active.
    static let activeSeconds = 60

    package struct Record: Sendable {
        package var addresses: [IPAddress] = []
        package var isRouter = false
        /// Whether training, inventory or engine name the owner of the MAC address. Such a MAC
        /// address never becomes a router by what it sends, and no other MAC address is evidence.
        package var isKnown = false
        /// Whether they also name an address of it. Without one it may take any that nobody has,
        /// and is evidence of none.
        var hasKnownAddress = false
        /// Addresses that it took although the baseline knows them by another station, or by none:
        /// those of servers that open no flow. It is evidence of none of them.
        var doubted: [IPAddress] = []
        /// Whether it answered DHCP clients in training.
        package var isDHCPServer = false
        package var linkLocal = IPAddress.unspecified
        /// Addresses added since the start.
        var gained = 0
        /// The last destination that was not its own address, and the number of changes: two or
        /// more make it a router.
        var lastForwarded = IPAddress.unspecified
        package var forwarded = 0
        package var lastSecond = 0
        /// The source address of the last packet that was accepted, as a shortcut for the next one.
        var lastSource = IPAddress.unspecified
    }

    /// The address that a frame is charged to.
    public struct Sender: Sendable, Equatable {
        /// The address that the frame is charged to.
        public var subject: IPAddress
        /// Whether the frame's source address does not belong to the subject.
        public var isForeign: Bool
        /// Whether it belongs to another known host.
        public var isOthers = false
        /// The kind of evidence.
        public var evidence = Evidence.address
        /// Whether the address belongs to another host: the frame is not attributed to its owner.
        public var isContested = false
        /// Whether the frame is attributed to no host: its sender is unknown, or it was counted
        /// where it came in.
        public var isNobody = false

        package init(
            subject: IPAddress, isForeign: Bool, isOthers: Bool = false,
            evidence: Evidence = .address, isContested: Bool = false, isNobody: Bool = false
        ) {
            self.subject = subject
            self.isForeign = isForeign
            self.isOthers = isOthers
            self.evidence = evidence
            self.isContested = isContested
            self.isNobody = isNobody
        }
    }

    package var records = RecordTable()
    var owners: [IPAddress: MACAddress] = [:]
    /// In training, addresses that a second MAC address used, which has them until the first uses
    /// them again.
    private var seconds: [IPAddress: (first: MACAddress, second: MACAddress)] = [:]
    /// In training, MAC addresses with an address that another one used before and after them.
    private var losers: [IPAddress: Set<MACAddress>] = [:]
    /// Outside addresses for which a host's MAC address received answers, fewer than make a router.
    var routed: [MACAddress: [IPAddress]] = [:]
    let isLearning: Bool
    /// Whether every MAC address counts as known, because no training has seen any.
    private let trustsAll: Bool

    /// Creates a table with the bindings of a baseline and an inventory.
    package init(
        graph: CommunicationGraph?, inventory: Inventory, isLearning: Bool,
        sharers: AddressSharers = AddressSharers(.empty)
    ) {
        self.isLearning = isLearning
        trustsAll = isLearning || graph?.links.isEmpty ?? true
        // In order: of two MAC addresses with the same address, the first is its owner in each run.
        for (mac, link) in (graph?.links ?? [:]).sorted(by: { $0.key < $1.key }) {
            records[mac] = Record(
                addresses: link.addresses.filter { !$0.isMartian }, isRouter: link.isRouter,
                isKnown: true,
                hasKnownAddress: link.addresses.contains { !$0.isMartian },
                isDHCPServer: link.isDHCPServer)
            for address in link.addresses
            where !link.isRouter && !address.isMartian && owners[address] == nil {
                owners[address] = mac
            }
        }
        for workload in inventory.workloads {
            for member in workload.members {
                bind(member, of: workload)
                share(member, sharers)
            }
        }
    }

    /// Returns the sender of a frame with the same addresses as the last one of its MAC address:
    /// the fast path of `sender`. Nil for any other.
    @inline(__always)
    package mutating func settledSender(of packet: Packet, second: Int) -> Sender? {
        let mac = packet.sourceMAC
        guard seconds.isEmpty, let place = records.place(of: mac), !records[place].isRouter,
            records[place].lastSource == packet.source, !packet.source.isUnspecified,
            records[place].doubted.isEmpty
        else { return nil }
        noteNextHop(packet)
        records[place].lastSecond = second
        return Sender(
            subject: packet.source, isForeign: false,
            evidence: trustsAll || records[place].hasKnownAddress ? .mac : .address)
    }

    /// Returns the sender of this frame; also learns its binding.
    ///
    /// - Parameters:
    ///   - isFromAfar: whether the source is outside or a gateway: its MAC address is a router's.
    ///   - isHeld: whether ARP or neighbour discovery has announced the source for another MAC
    ///     address before.
    ///   - isInBaseline: whether the baseline has the source's name.
    ///   - areNamedApart: whether two addresses belong to two workloads with known names.
    package mutating func sender(
        of packet: Packet, second: Int, isFromAfar: Bool, isHeld: Bool = false,
        isInBaseline: Bool = false,
        areNamedApart: (IPAddress, IPAddress) -> Bool
    ) -> Sender {
        let source = packet.source
        // Routers forward no packets from link-local addresses (RFC 4291, section 2.5.6).
        let isFromAfar = isFromAfar && !isHeld && !source.isLinkLocal && !source.isMartian
        let mac = packet.sourceMAC
        guard mac != .zero && !mac.isGroup else { return Sender(subject: source, isForeign: false) }
        noteNextHop(packet)
        if !seconds.isEmpty { noteReturn(of: source, to: mac) }
        guard var record = records[mac] else {
            // A MAC address that first appears with another host's address has none of its own yet.
            let isContested = !isFromAfar && (isHeld || isOthers(source, mac))
            // One that starts with no host's address says nothing yet about its own.
            if records.count < Self.linkLimit, !source.isMartian || source.isUnspecified {
                if !isFromAfar { noteSecond(source, mac) }
                bind(mac, to: isContested ? .unspecified : source, second: second)
                if !isContested, Self.isLinkLocal(source) {
                    // It is no address to charge frames to, once there is another one.
                    records[mac]?.addresses = []
                    records[mac]?.linkLocal = source
                }
                records[mac]?.isRouter = isFromAfar
                if isFromAfar { owners[source] = nil }
            }
            return Sender(
                subject: source, isForeign: false,
                evidence: isFromAfar || isContested || !trustsAll ? .address : .mac,
                isContested: isContested)
        }
        let isProof =
            !record.isRouter && (trustsAll || record.hasKnownAddress)
            && !record.doubted.contains(source)
        let proof = isProof ? Evidence.mac : .address
        if record.isRouter, isOwnersOwn(source, mac) {
            // A container's address that comes through the router: its owner did not send it.
            records[mac]?.lastSecond = second
            return Sender(subject: source, isForeign: false, isContested: true)
        }
        if !record.isRouter, Self.isLinkLocal(source) {
            return linkLocalSender(source, mac, second, proof)
        }
        if record.isRouter || record.lastSource == source || Self.isFree(source) {
            records[mac]?.lastSecond = second
            // Who sends without an address is still the same host.
            let own = source.isUnspecified && !record.isRouter ? record.addresses.first : nil
            return Sender(subject: own ?? source, isForeign: false, evidence: proof)
        }
        defer {
            record.lastSecond = second
            records[mac] = record
        }
        if record.addresses.contains(source) {
            record.lastSource = source
            return Sender(subject: source, isForeign: false, evidence: proof)
        }
        if isFromAfar, record.addresses.isEmpty, !record.linkLocal.isUnspecified,
            mayBecomeRouter(record)
        {
            // As if this was its first frame.
            record.isRouter = true
            return Sender(subject: source, isForeign: false)
        }
        if !isHeld, mayTake(source, record, mac, isFromAfar, areNamedApart) {
            noteSecond(source, mac)
            if !record.addresses.isEmpty { record.gained += 1 }
            record.addresses.append(source)
            record.lastSource = source
            owners[source] = mac
            if isInBaseline, !trustsAll { record.doubted.append(source) }
            // A MAC address with so many source addresses is a router.
            if record.addresses.count >= Self.addressLimit, !record.isKnown {
                record.isRouter = true
            }
            return Sender(
                subject: source, isForeign: false,
                evidence: record.isRouter || isInBaseline && !trustsAll ? .address : proof)
        }
        guard let own = record.addresses.first else {
            return Sender(subject: source, isForeign: false, isContested: true)
        }
        return Sender(
            subject: own, isForeign: true, isOthers: isHeld || isOthers(source, mac),
            evidence: proof)
    }

    /// In training, a second MAC address with an address of another: a new container, a backup, or
    /// a host that borrows it.
    private mutating func noteSecond(_ address: IPAddress, _ mac: MACAddress) {
        guard isLearning, let owner = owners[address], owner != mac,
            records[owner]?.isRouter == false, seconds[address] == nil
        else { return }
        seconds[address] = (owner, mac)
    }

    /// In training, the first holder of an address is back: the second one only used it. Of two
    /// holders, the one with an address of its own besides this one is the second.
    private mutating func noteReturn(of address: IPAddress, to mac: MACAddress) {
        guard let (first, second) = seconds[address], mac == first else { return }
        let isFirstsOwn = records[first]?.addresses.first == address
        let isSecondsOwn = records[second]?.addresses.first == address
        let loser = !isFirstsOwn && isSecondsOwn ? first : second
        losers[address, default: []].insert(loser)
        seconds[address] = nil
        owners[address] = loser == first ? second : first
    }

    /// A frame from a link-local address is attributed to the MAC address's own host, or to the
    /// host whose address it uses.
    private mutating func linkLocalSender(
        _ source: IPAddress, _ mac: MACAddress, _ second: Int, _ proof: Evidence
    ) -> Sender {
        records[mac]?.lastSecond = second
        let own = records[mac]?.addresses.first
        if isOthers(source, mac) {
            return own.map { Sender(subject: $0, isForeign: true, evidence: proof) }
                ?? Sender(subject: source, isForeign: false, isContested: true)
        }
        if records[mac]?.linkLocal == .unspecified {
            records[mac]?.linkLocal = source
            owners[source] = mac
        }
        return Sender(subject: own ?? source, isForeign: false, evidence: proof)
    }

    /// Whether an address belongs to a MAC address that was itself seen in this run.
    private func isOwnersOwn(_ address: IPAddress, _ mac: MACAddress) -> Bool {
        guard isOthers(address, mac), let owner = owners[address] else { return false }
        return records.place(of: owner).map { records[$0].lastSecond > 0 } ?? false
    }

    /// Whether an address belongs to another MAC address, silent or not, that is not a router.
    private func isOthers(_ address: IPAddress, _ mac: MACAddress) -> Bool {
        guard !isLearning, let owner = owners[address], owner != mac else { return false }
        return isHost(owner)
    }

    /// Removes an address that has a new owner from its previous interface; an interface without
    /// addresses is removed.
    ///
    /// - Parameter mac: the interface of the new owner, if known.
    package mutating func release(_ address: IPAddress, unless mac: MACAddress?) {
        guard let owner = owners[address], owner != mac, var record = records[owner],
            !record.isRouter
        else { return }
        owners[address] = nil
        record.addresses.removeAll { $0 == address }
        if record.lastSource == address { record.lastSource = .unspecified }
        records[owner] = record.addresses.isEmpty ? nil : record
    }

    /// The MAC address that an address belongs to, other than `mac` and no router's; and whether
    /// training, inventory or engine say so.
    package func holder(of address: IPAddress, otherThan mac: MACAddress) -> (MACAddress, Bool)? {
        guard isOthers(address, mac), let owner = owners[address] else { return nil }
        return (owner, isKnownHost(owner))
    }

    /// Whether another MAC address than `mac` has an address, and sent packets lately.
    package func isActive(_ address: IPAddress, otherThan mac: MACAddress, second: Int) -> Bool {
        guard isOthers(address, mac), let owner = owners[address] else { return false }
        return records.place(of: owner).map {
            second - records[$0].lastSecond <= Self.activeSeconds
        } ?? false
    }

    /// Whether a MAC address is known to be a host's, and no router's.
    package func isHost(_ mac: MACAddress) -> Bool {
        records.place(of: mac).map { !records[$0].isRouter } ?? false
    }

    /// Whether training, inventory or engine name a host with this MAC address that is no router.
    package func isKnownHost(_ mac: MACAddress) -> Bool {
        guard !trustsAll, let place = records.place(of: mac) else { return false }
        return records[place].isKnown && !records[place].isRouter
    }

    /// Whether training, inventory or engine say that `mac` may use `address`.
    package func isKnown(_ mac: MACAddress, toHave address: IPAddress) -> Bool {
        guard let place = records.place(of: mac), records[place].isKnown else { return false }
        return records[place].addresses.contains(address)
    }

    /// The first address of a MAC address other than `address`; nil if there is none.
    package func firstAddress(of mac: MACAddress, otherThan address: IPAddress) -> IPAddress? {
        records[mac]?.addresses.first { $0 != address }
    }

    /// Whether the MAC address is evidence of a sender.
    package func isEvidence(_ mac: MACAddress) -> Bool {
        trustsAll
            || isKnownHost(mac)
                && records.place(of: mac).map { records[$0].hasKnownAddress } ?? false
    }

    private static func isFree(_ address: IPAddress) -> Bool {
        address.isUnspecified || isLinkLocal(address)
    }

    private static func isLinkLocal(_ address: IPAddress) -> Bool {
        !address.isIPv4 && address.isLinkLocal
    }

    private mutating func bind(_ mac: MACAddress, to source: IPAddress, second: Int) {
        var record = Record()
        record.lastSecond = second
        if !Self.isFree(source) && !source.isMartian {
            record.addresses = [source]
            record.lastSource = source
            owners[source] = mac
        }
        records[mac] = record
    }

    private func mayTake(
        _ source: IPAddress, _ record: Record, _ mac: MACAddress, _ isFromAfar: Bool,
        _ areNamedApart: (IPAddress, IPAddress) -> Bool
    ) -> Bool {
        if source.isMartian { return false }
        if isLearning {
            // The inventory says whose it is.
            let owner = owners[source].flatMap { $0 == mac ? nil : records[$0] }
            return !(record.isKnown && owner?.isKnown == true)
        }
        // A host of the node's networks has no address outside.
        if isFromAfar, record.isKnown, !trustsAll, record.addresses.contains(where: \.isPrivate) {
            return false
        }
        if isOthers(source, mac) { return false }
        guard let own = record.addresses.first else { return true }
        if areNamedApart(source, own) { return false }
        let sameFamily = record.addresses.count { $0.isIPv4 == source.isIPv4 }
        return sameFamily == 0 || record.gained < Self.newAddressAllowance
    }

    /// The bindings that a baseline stores.
    ///
    /// - Parameter impostors: MAC addresses that used addresses of others in training, with their
    ///   own address: they become no routers, and have no other address.
    package func links(
        without impostors: [MACAddress: IPAddress] = [:]
    ) -> [MACAddress: CommunicationGraph.Link] {
        var links: [MACAddress: CommunicationGraph.Link] = [:]
        for (mac, record) in records.all {
            links[mac] = .init(
                addresses: record.addresses.filter {
                    losers.isEmpty || losers[$0]?.contains(mac) != true
                }, isRouter: record.isRouter, isDHCPServer: record.isDHCPServer)
        }
        for (mac, own) in impostors { links[mac] = .init(addresses: [own], isRouter: false) }
        return links
    }
}
