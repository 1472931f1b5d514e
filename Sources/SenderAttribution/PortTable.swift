package import BaselineGraph
package import NetworkAddresses
package import PacketDecoding
import Timestamps
package import Workloads

/// Maps addresses to the ports of the node, and attributes frames by the port that they came by.
///
/// An address belongs to the port for which the kernel lists it, and otherwise to the first port
/// that used it. Silence transfers nothing: an address is free again only when its port is gone,
/// the kernel no longer lists it, or an engine names another holder.
///
/// A container that may configure its network chooses what the kernel lists for it. So all
/// addresses of a port are those of one host, and an address that the kernel lists at two ports
/// proves nothing: see `PortTable+Disputes`.
package struct PortTable: Sendable {
    /// Addresses that a port may gain by using them, beyond its first of each family.
    static let newAddressAllowance = 2
    /// Temporary addresses (RFC 8981) of a port. They count as its first one and become nobody's,
    /// so that neither traffic is split nor an address taken by using them.
    static let temporaryAllowance = 8
    /// Seconds after which a port without an address is accused of using one of another: the kernel
    /// is asked once a second at most.
    static let answerSeconds = 2
    /// Ports that may wait for a query at a time.
    static let wantedLimit = 64

    package struct Record: Sendable {
        package var name = ""
        package var instance = ""
        package var mac = MACAddress.zero
        /// The first MAC address that it was the first port to use.
        var firstMAC = MACAddress.zero
        /// Frames with a borrowed address are attributed to the first of each family.
        package var addresses: [IPAddress] = []
        /// The addresses among them that the kernel lists.
        package var listed: [IPAddress] = []
        /// All addresses that the kernel lists, also those that belong to another port.
        var claimed: [IPAddress] = []
        /// Whether the kernel lists more than are known.
        var hasMore = false
        /// The second in which the kernel was first asked about it, because it had no address and
        /// used one of another port.
        var askedSecond: Int?
        package var host: Int32?
        package var isShared = false
        /// Addresses gained by use.
        var gained = 0
        /// Further IPv6 addresses that it used in the network of its own.
        var temporary: [IPAddress] = []
    }

    /// The port's evidence about a packet's sender.
    package enum Answer: Equatable {
        /// None: there is no port, or several hosts are behind it.
        case nothing
        /// The source address belongs to the port: the frame is attributed to this address of its
        /// host.
        case own(IPAddress)
        /// The source does not belong to the port: the frame is attributed to this address, which
        /// does.
        ///
        /// `isOthers`: the source belongs to another port; otherwise to no known port.
        case forged(IPAddress, isOthers: Bool)
        /// The source belongs to another port, or so it seems, and no address of this port is
        /// known: the frame is attributed to no host.
        case contested
        /// The node sends it, and the source belongs to a port, where it was counted when it came
        /// in.
        case seen
    }

    /// A port, source and MAC address that were checked: the fast path for most packets.
    private struct Fast {
        var port: UInt32 = 0
        var source = IPAddress.unspecified
        var mac = MACAddress.zero
    }

    var records: [UInt32: Record] = [:]
    var owners: [IPAddress: UInt32] = [:]
    private var fast = [Fast](repeating: Fast(), count: PortTable.fastCount)
    private var wanted: Set<UInt32> = []
    /// MAC addresses that forward packets of other hosts, from the baseline.
    private let routers: Set<MACAddress>
    /// The addresses of hosts that forward nothing, each with its MAC address, from the baseline
    /// and the inventory.
    let hostMACs: [IPAddress: MACAddress]
    /// The ports where the kernel lists these MAC addresses: of several with one, the first.
    var routerPorts: [MACAddress: UInt32] = [:]
    /// The first port that used each MAC address.
    var macPorts: [MACAddress: UInt32] = [:]
    /// The ports at which the kernel lists each address.
    var listers: [IPAddress: [UInt32]] = [:]
    /// The addresses that the kernel lists at ports of several hosts.
    var disputed: Set<IPAddress> = []
    let sharers: AddressSharers

    private static let fastCount = 256

    package init(
        graph: CommunicationGraph?, inventory: Inventory = .empty,
        sharers: AddressSharers = AddressSharers(.empty)
    ) {
        let links = graph?.links ?? [:]
        routers = Set(links.filter { $0.value.isRouter }.keys)
        var macs = Dictionary(
            links.filter { !$0.value.isRouter }
                .flatMap { mac, link in link.addresses.map { ($0, mac) } },
            uniquingKeysWith: { min($0, $1) })
        for member in inventory.workloads.flatMap(\.members) where member.macs.count == 1 {
            for address in member.addresses { macs[address] = member.macs[0] }
        }
        hostMACs = macs
        self.sharers = sharers
    }

    /// The port that an address belongs to; 0: none.
    package func owner(of address: IPAddress) -> UInt32 { owners[address] ?? 0 }

    /// The facts about a port.
    package func record(of port: UInt32) -> Record? { records[port] }

    // MARK: - Packets

    /// Whether the packet's source is known to belong to its port: the fast path for most packets.
    @inline(__always)
    package func isSettled(_ packet: Packet) -> Bool {
        let place = fast[Int(packet.port) & (Self.fastCount - 1)]
        return place.port == packet.port && place.source == packet.source
            && place.mac == packet.sourceMAC && packet.packetType != .outgoing
    }

    /// Returns the port's evidence about a packet's sender, and learns from the packet.
    ///
    /// - Parameters:
    ///   - place: the location of the source address, as far as the networks of containers are
    ///     known.
    ///   - isHeld: whether a host without a port has the source address.
    package mutating func answer(
        _ packet: Packet, place: Identity.Place, isHeld: Bool = false
    ) -> Answer {
        let source = packet.source
        guard packet.packetType != .outgoing else {
            return owners[source] == nil ? .nothing : .seen
        }
        let port = packet.port
        guard !source.isUnspecified else {
            guard records[port]?.isShared != true else { return .nothing }
            // Who sends without an address is still the same host.
            return .own(firstAddress(of: port) ?? source)
        }
        var record = records[port] ?? Record()
        let owner = owners[source]
        if record.isShared || routerPorts[record.mac] == port {
            // A container that lists an address outside does not hide who is there.
            return owner == nil || owner == port || place == .outside ? .nothing : .contested
        }
        if !disputed.isEmpty, disputed.contains(source), record.claimed.contains(source) {
            return disputedAnswer(packet, record)
        }
        if let owner, owner == port || isSameHost(owner, record) {
            return .own(subject(source, record, packet))
        }
        if owner != nil, sharers.mayShare(source, anyOf: record.addresses) {
            return .own(record.addresses.first { $0.isIPv4 == source.isIPv4 } ?? source)
        }
        if source.isMartian, place != .group, record.addresses.isEmpty {
            // It came by this port, and says nothing about the port's own address.
            want(port)
            return .own(source)
        }
        if owner == nil, !isHeld, mayTake(source, place, record) {
            if record.addresses.contains(where: { Self.isAlike($0, source) }) {
                record.gained += 1
            }
            record.addresses.append(source)
            records[port] = record
            owners[source] = port
            if !record.listed.isEmpty { want(port) }
            return .own(subject(source, record, packet))
        }
        if owner == nil, !isHeld, let own = mainAddress(for: source, record) {
            if !record.temporary.contains(source) {
                records[port, default: record].temporary.append(source)
                want(port)
            }
            return .own(own)
        }
        want(port)
        if let owner { want(owner) }
        let known = record.listed.isEmpty ? record.addresses : record.listed
        let own = mainAddress(of: record, isIPv4: source.isIPv4) ?? known.first
        if owner == nil, record.hasMore, let own { return .own(own) }
        if own == nil {
            // A new container, perhaps: the kernel is asked before anybody is accused.
            let second = packet.time.second
            let asked = record.askedSecond ?? second
            record.askedSecond = asked
            records[port] = record
            if (0...Self.answerSeconds).contains(second - asked) { return .contested }
        }
        return (own ?? standIn(for: packet, record, owner))
            .map { .forged($0, isOthers: owner != nil || isHeld) } ?? .contested
    }

    /// The link-local address of a port's first MAC address, as the name of a host that has shown
    /// no address of its own, if the source certainly belongs to the host behind another port:
    /// the kernel lists it there, or the baseline gives it that port's MAC address and not the
    /// packet's. First use alone proves nothing: the other port may have stolen the address.
    private func standIn(
        for packet: Packet, _ record: Record, _ owner: UInt32?
    ) -> IPAddress? {
        guard let owner else { return nil }
        let mac = hostMACs[packet.source]
        let isCertain =
            records[owner]?.listed.contains(packet.source) == true
            || mac.map { $0 != packet.sourceMAC && macPorts[$0] == owner } ?? false
        return isCertain ? linkAddress(of: record, at: packet.port) : nil
    }

    /// Whether a port's host has another port, too: it may answer by either.
    func isSameHost(_ port: UInt32, _ record: Record) -> Bool {
        record.host != nil && records[port]?.host == record.host
    }

    /// The address to which a frame with one of the port's own addresses is attributed: the first
    /// one of its family, as all are of one host.
    private mutating func subject(
        _ source: IPAddress, _ record: Record, _ packet: Packet
    ) -> IPAddress {
        let port = packet.port
        guard owners[source] == port else { return source }
        let first =
            mainAddress(of: record, isIPv4: source.isIPv4)
            ?? mainAddress(of: record, isIPv4: !source.isIPv4) ?? source
        if first == source, !disputed.contains(source) {
            fast[Int(port) & (Self.fastCount - 1)] = Fast(
                port: port, source: source, mac: packet.sourceMAC)
        }
        return first
    }

    /// The first address of a family that certainly is the port's own, and is not link-local.
    func mainAddress(of record: Record, isIPv4: Bool) -> IPAddress? {
        record.addresses.first {
            $0.isIPv4 == isIPv4 && !Self.isLinkLocal($0)
                && (record.listed.isEmpty || record.listed.contains($0)) && !disputed.contains($0)
        }
    }

    private static func isLinkLocal(_ address: IPAddress) -> Bool {
        !address.isIPv4 && address.isLinkLocal
    }

    /// Whether two addresses have the same family and scope.
    private static func isAlike(_ one: IPAddress, _ other: IPAddress) -> Bool {
        one.isIPv4 == other.isIPv4 && isLinkLocal(one) == isLinkLocal(other)
    }

    private func mayTake(
        _ source: IPAddress, _ place: Identity.Place, _ record: Record
    ) -> Bool {
        // The gateway is the node itself.
        if place == .gateway || place == .group || source.isMartian { return false }
        // Not every network of containers is known: the first address may be in any place.
        if !record.addresses.contains(where: { Self.isAlike($0, source) }) { return true }
        return place == .inside && record.gained < Self.newAddressAllowance
    }

    /// The first address of a port, if a further one may be a temporary address of its host: one of
    /// IPv6 in the same network.
    private func mainAddress(for source: IPAddress, _ record: Record) -> IPAddress? {
        guard !source.isIPv4, !Self.isLinkLocal(source), !source.isMulticast,
            let first = record.addresses.first(where: { !$0.isIPv4 && !Self.isLinkLocal($0) }),
            first.high == source.high,
            record.temporary.count < Self.temporaryAllowance || record.temporary.contains(source)
        else { return nil }
        return first
    }

    // MARK: - Facts

    /// Ports whose facts should be queried, each once.
    package mutating func takeWanted() -> Set<UInt32> {
        defer { wanted.removeAll(keepingCapacity: true) }
        return wanted
    }

    mutating func want(_ port: UInt32) {
        if wanted.count < Self.wantedLimit { wanted.insert(port) }
    }

    package mutating func apply(_ change: PortChange) {
        for port in change.gone { remove(port) }
        note(change.facts)
    }

    /// Gives a port the role of the router whose MAC address it has.
    ///
    /// A container can choose its MAC address: one that had another, or that has the address of a
    /// host in the baseline, is not the router.
    private mutating func noteRouter(_ fact: PortFacts, _ record: Record) {
        let isHost =
            record.firstMAC != .zero && record.firstMAC != fact.mac
            || fact.addresses.contains { hostMACs[$0] != nil }
        if isHost {
            if routerPorts[fact.mac] == fact.port { routerPorts[fact.mac] = nil }
        } else if routerPorts[fact.mac] == nil {
            routerPorts[fact.mac] = fact.port
        }
    }

    /// Applies facts about ports. An address that is listed at two of them stays with the first.
    package mutating func note(_ facts: [PortFacts]) {
        for fact in facts {
            var record = records[fact.port] ?? Record()
            record.name = fact.name
            record.instance = fact.instance
            record.mac = fact.mac
            record.host = fact.host
            record.isShared = fact.isShared
            record.hasMore = fact.hasMore
            for address in record.listed where !fact.addresses.contains(address) {
                release(address, of: fact.port, &record)
            }
            records[fact.port] = record
            if routers.contains(fact.mac) { noteRouter(fact, record) }
            if fact.mac != .zero, !fact.isShared { claim(fact.mac, for: fact.port) }
            forget(fact.port)
        }
        for fact in facts where !fact.isShared {
            for address in fact.addresses where !address.isMartian {
                // The kernel's list takes precedence over first use.
                if let owner = owners[address], owner != fact.port, var record = records[owner],
                    !record.listed.contains(address)
                {
                    release(address, of: owner, &record)
                    records[owner] = record
                }
                guard owners[address] == nil else { continue }
                owners[address] = fact.port
                records[fact.port]?.addresses.append(address)
            }
            let listed = fact.addresses.filter { owners[$0] == fact.port }
            records[fact.port]?.listed = listed
        }
        for fact in facts {
            setClaims(
                fact.isShared ? [] : fact.addresses, of: fact.port,
                before: records[fact.port]?.claimed ?? [])
        }
    }

    /// Removes a port that is gone: its addresses are free.
    package mutating func remove(_ port: UInt32) {
        guard let record = records.removeValue(forKey: port) else { return }
        for address in record.addresses where owners[address] == port { owners[address] = nil }
        setClaims([], of: port, before: record.claimed)
        if routerPorts[record.mac] == port { routerPorts[record.mac] = nil }
        macPorts = macPorts.filter { $0.value != port }
        forget(port)
    }

    /// Frees an address of which an engine names another holder, unless the kernel lists it.
    package mutating func release(_ address: IPAddress) {
        guard let port = owners[address], var record = records[port],
            !record.listed.contains(address)
        else { return }
        release(address, of: port, &record)
        records[port] = record
    }

    private mutating func release(_ address: IPAddress, of port: UInt32, _ record: inout Record) {
        if owners[address] == port { owners[address] = nil }
        record.addresses.removeAll { $0 == address }
        record.listed.removeAll { $0 == address }
        forget(port)
    }

    mutating func forget(_ port: UInt32) {
        fast[Int(port) & (Self.fastCount - 1)] = Fast()
    }
}
