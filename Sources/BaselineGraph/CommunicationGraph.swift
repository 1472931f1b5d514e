public import NetworkAddresses
public import PacketDecoding
import Workloads

/// Contacts in clean traffic: workload to workload (or network) by service, the outside addresses
/// contacted, the DNS names queried, and the IP addresses of each MAC address.
///
/// Hosts are stored by name, so the graph stays valid when addresses change. Every fact stores when
/// it was seen first and last: while training, a fact that was seen only in the current epoch
/// counts as new, so the training vectors contain as much novelty as clean traffic has.
public struct CommunicationGraph: Sendable, Equatable {
    /// The greatest length of an epoch in seconds.
    public static let longestEpoch = 180
    /// The unit of times in the graph, in seconds.
    static let unitSeconds = 10
    /// The greatest number of facts of each kind; further ones are counted in `droppedFacts`.
    public static let factLimit = 1 << 20

    /// A subject, a peer and a service; `anyone` and `anyService` are wild cards.
    public struct Edge: Hashable, Sendable {
        public var subject: UInt32
        public var peer: UInt32
        public var service: Service

        public init(subject: UInt32, peer: UInt32, service: Service) {
            self.subject = subject
            self.peer = peer
            self.service = service
        }

        public func _rawHashValue(seed: Int) -> Int {
            KeyedHash.hash(
                UInt64(service.rawValue), UInt64(subject) << 32 | UInt64(peer), seed: seed)
        }
    }

    /// When a fact was seen first and last, in units of `unitSeconds`. `last` is exact until the
    /// two are an epoch apart.
    public struct Sighting: Sendable, Equatable {
        var first: Int32
        var last: Int32
    }

    /// The addresses of a MAC address.
    public struct Link: Sendable, Equatable {
        /// The source addresses that it used, in order of appearance, at most
        /// `MACBindingTable.addressLimit`.
        public var addresses: [IPAddress]
        /// Whether it may send with the addresses of others.
        public var isRouter: Bool
        /// Whether it answers DHCP clients.
        public var isDHCPServer: Bool

        public init(addresses: [IPAddress], isRouter: Bool, isDHCPServer: Bool = false) {
            self.addresses = addresses
            self.isRouter = isRouter
            self.isDHCPServer = isDHCPServer
        }
    }

    /// The wildcard name for any subject or peer.
    public static let anyone: UInt32 = 0

    public package(set) var names: [String] = ["*"]
    public package(set) var edges: [Edge: Sighting] = [:]
    /// The names of the hosts that opened flows.
    public package(set) var subjects: Set<UInt32> = []
    public package(set) var outsideAddresses: [IPAddress: Sighting] = [:]
    public package(set) var dnsNames: [NameDigest: Sighting] = [:]
    public package(set) var links: [MACAddress: Link] = [:]
    public package(set) var droppedFacts = 0
    /// The length of an epoch in seconds, a multiple of `unitSeconds`.
    package var epochSeconds = longestEpoch
    var indexOfName: [String: UInt32] = ["*": 0]

    /// Creates an empty graph.
    public init() {}

    /// The number of `name` in this graph, or nil.
    public func index(of name: String) -> UInt32? { indexOfName[name] }

    /// The number of names beyond which mere addresses, and their networks, have none.
    static let nameLimit = 1 << 18

    /// Returns the number of a name, which is added to the graph; `IdentityResolver.unknown` if
    /// there are too many.
    ///
    /// - Parameter isAddress: whether the name is that of a mere address, or of its network.
    mutating func intern(_ name: String, isAddress: Bool) -> UInt32 {
        if let index = indexOfName[name] { return index }
        guard !isAddress || names.count < Self.nameLimit else { return IdentityResolver.unknown }
        let index = UInt32(names.count)
        names.append(name)
        indexOfName[name] = index
        return index
    }

    /// The name that stands for all members of a network.
    static func networkName(_ network: String) -> String { "net:\(network)" }

    /// The unit of time that contains `second`.
    package static func unit(_ second: Int) -> Int32 {
        Int32(truncatingIfNeeded: second / unitSeconds)
    }

    /// The starts of the first and the last of some units of time, in seconds.
    package static func seconds(_ units: ClosedRange<Int32>) -> ClosedRange<Int> {
        Int(units.lowerBound) * unitSeconds...Int(units.upperBound) * unitSeconds
    }

    /// The length of an epoch for a training of `seconds`: a fifth of it, at most `longestEpoch`.
    /// In a longer epoch, too many contacts of a short training would count as new.
    package static func epochSeconds(ofTraining seconds: Int) -> Int {
        min(max((seconds / 5 + unitSeconds / 2) / unitSeconds, 1) * unitSeconds, longestEpoch)
    }

    /// The units of the epoch that contains `second`.
    package func epoch(of second: Int) -> Range<Int32> {
        let start = second - second % epochSeconds
        return Self.unit(start)..<Self.unit(start + epochSeconds)
    }

    /// Whether a fact is known; while training, whether it was seen outside `epoch`.
    package static func isKnown(_ sighting: Sighting?, outside epoch: Range<Int32>?) -> Bool {
        guard let sighting else { return false }
        guard let epoch else { return true }
        return sighting.first < epoch.lowerBound || sighting.last >= epoch.upperBound
    }

    package func knows(
        _ subject: UInt32, _ peer: UInt32, _ service: Service, outside epoch: Range<Int32>?
    ) -> Bool {
        Self.isKnown(
            edges[Edge(subject: subject, peer: peer, service: service)], outside: epoch)
    }

    /// Whether anybody uses a service at a host, or at a host without a name in its network.
    package func offers(_ service: Service, at host: Resolved) -> Bool {
        func knows(_ peer: UInt32) -> Bool {
            peer != IdentityResolver.unknown
                && self.knows(Self.anyone, peer, service, outside: nil)
        }
        return knows(host.name) || !host.isNamed && host.place == .inside && knows(host.network)
    }

    /// Adds a fact, seen at `unit`; returns false if that changed nothing or the table is full.
    package static func note<Key: Hashable>(
        _ key: Key, in facts: inout [Key: Sighting], at unit: Int32, dropped: inout Int
    ) -> Bool {
        if let seen = facts[key] {
            guard seen.last - seen.first < Int32(longestEpoch / unitSeconds),
                unit < seen.first || unit > seen.last
            else { return false }
            facts[key] = Sighting(first: min(seen.first, unit), last: max(seen.last, unit))
            return true
        }
        guard facts.count < factLimit else {
            dropped += 1
            return false
        }
        facts[key] = Sighting(first: unit, last: unit)
        return true
    }

    /// The number of contacts of each host, by name, that were first seen at or after `second`.
    /// Hosts without one, and outside ones, are left out. Only a graph that was just learned has
    /// times.
    public func arriving(since second: Int) -> [String: Int] {
        let unit = Self.unit(second)
        var counts = counts(of: namedPairs { $0.first >= unit })
        counts[IdentityMap.outside] = nil
        return counts
    }

    /// The number of contacts of each host that has one, by name.
    public var contactCounts: [String: Int] { counts(of: namedPairs { _ in true }) }

    private func counts(of edges: [Edge]) -> [String: Int] {
        var counts = [Int](repeating: 0, count: names.count)
        for edge in edges { counts[Int(edge.subject)] += 1 }
        var named: [String: Int] = [:]
        for (name, count) in zip(names, counts) where count > 0 { named[name] = count }
        return named
    }

    /// The edges between hosts, not wild cards or networks.
    private func namedPairs(_ isMeant: (Sighting) -> Bool) -> [Edge] {
        let isHost = names.enumerated().map {
            $0.offset != Int(Self.anyone) && !$0.element.hasPrefix("net:")
        }
        return edges.compactMap { edge, seen in
            edge.service != .any && isHost[Int(edge.subject)] && isHost[Int(edge.peer)]
                && isMeant(seen) ? edge : nil
        }
    }

    /// The edges between names, without those that contain a wild card or a network's name.
    public var namedEdges: [(subject: String, peer: String, service: Service)] {
        namedPairs { _ in true }
            .map { (names[Int($0.subject)], names[Int($0.peer)], $0.service) }
            .sorted { ($0.0, $0.1, $0.2.rawValue) < ($1.0, $1.1, $1.2.rawValue) }
    }
}

/// A service in the graph: protocol and port. All ports of the dynamic range count as one service.
public struct Service: Hashable, Sendable, CustomStringConvertible {
    /// Protocol in bits 16 to 23, port in bits 0 to 15.
    public let rawValue: UInt32

    /// Every service.
    public static let any = Service(rawValue: 0)
    /// The first port of Linux's default range for dynamic ports; all from here on are one service.
    public static let firstDynamicPort: UInt16 = 32768

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public init(ipProtocol: UInt8, port: UInt16) {
        rawValue = UInt32(ipProtocol) << 16 | UInt32(min(port, Self.firstDynamicPort))
    }

    /// The port; `firstDynamicPort` stands for all from there on.
    public var port: UInt16 { UInt16(truncatingIfNeeded: rawValue) }
    /// The protocol's number (IANA).
    public var ipProtocol: UInt8 { UInt8(truncatingIfNeeded: rawValue >> 16) }

    /// Whether the protocol has ports: TCP, UDP, SCTP.
    public var hasPorts: Bool { Self.hasPorts(ipProtocol) }

    /// The same for a protocol's number (IANA).
    public static func hasPorts(_ ipProtocol: UInt8) -> Bool {
        ipProtocol == 6 || ipProtocol == 17 || ipProtocol == 132
    }

    /// The ports of the service: one, or all dynamic ones.
    public var ports: ClosedRange<UInt16> {
        port...(port == Self.firstDynamicPort ? UInt16.max : port)
    }

    /// Whether the service requires a login: remote shells and desktops, mail, directories,
    /// databases.
    public var asksForLogin: Bool {
        ipProtocol == 6 && Self.loginPorts.contains(port)
    }

    private static let loginPorts: Set<UInt16> = [
        21, 22, 23, 110, 139, 143, 389, 445, 512, 513, 514, 587, 636, 873, 993, 995, 1433, 1521,
        2222, 3306,
        3389, 5432, 5900, 5901, 5984, 5985, 5986, 6379, 9042, 27017,
    ]

    /// Whether each connection begins with a login that cannot be read: a remote shell or desktop,
    /// mail or a directory over TLS. Each connection to a database may be a query.
    public var hidesLogins: Bool {
        switch port {
        case 22, 139, 512...514, 636, 873, 993, 995, 2222, 3389, 5986: ipProtocol == 6
        default: false
        }
    }

    /// Whether a login is all that a short connection to the service can be, if no answer could be
    /// read.
    public var isOnlyForLogins: Bool {
        switch port {
        case 23, 445, 5900, 5901: ipProtocol == 6
        default: false
        }
    }

    /// Whether a connection to the service may be a query as well as a login: databases.
    public var isDatabase: Bool {
        closesOnRefusal || ipProtocol == 6 && (port == 6379 || port == 27017)
    }

    /// Whether the service closes the connection when it refuses a login, and otherwise leaves
    /// that to its client: databases, but not Redis and MongoDB.
    public var closesOnRefusal: Bool {
        switch port {
        case 1433, 1521, 3306, 5432, 9042: ipProtocol == 6
        default: false
        }
    }

    public var description: String {
        let name = Self.protocolName(ipProtocol)
        guard hasPorts else { return name }
        return port == Self.firstDynamicPort ? "\(name) high ports" : "\(name) \(port)"
    }

    private static let protocolNames: [UInt8: String] = [
        1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 51: "AH",
        58: "IPv6-ICMP", 132: "SCTP",
    ]

    /// The upper-case name of a protocol number, or the number itself.
    public static func protocolName(_ number: UInt8) -> String {
        protocolNames[number] ?? "\(number)"
    }

    /// The protocol number of a name that `protocolName` returns.
    public static func protocolNumber(_ name: String) -> UInt8? {
        protocolNames.first { $0.value == name }?.key ?? UInt8(name)
    }
}
