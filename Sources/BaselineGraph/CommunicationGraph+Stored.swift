public import NetworkAddresses
public import PacketDecoding

extension CommunicationGraph {
    /// The parts of a graph that a model file stores, in a fixed order; times are omitted.
    public struct Stored: Sendable {
        public var names: [String] = []
        public var edges: [Edge] = []
        public var subjects: [UInt32] = []
        public var outsideAddresses: [IPAddress] = []
        public var dnsNames: [NameDigest] = []
        public var links: [(MACAddress, Link)] = []

        public init() {}
    }

    /// The facts, sorted.
    public var stored: Stored {
        var stored = Stored()
        stored.names = names
        stored.edges = edges.keys.sorted {
            ($0.subject, $0.peer, $0.service.rawValue) < ($1.subject, $1.peer, $1.service.rawValue)
        }
        stored.subjects = subjects.sorted()
        stored.outsideAddresses = outsideAddresses.keys.sorted()
        stored.dnsNames = dnsNames.keys.sorted()
        stored.links = links.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        return stored
    }

    /// Creates a graph from stored facts; nil if they refer to a name that is missing.
    public init?(stored: Stored) {
        self.init()
        let always = Sighting(first: 0, last: .max)
        guard stored.names.first == names[0] else { return nil }
        names = stored.names
        indexOfName.reserveCapacity(names.count)
        edges.reserveCapacity(stored.edges.count)
        outsideAddresses.reserveCapacity(stored.outsideAddresses.count)
        dnsNames.reserveCapacity(stored.dnsNames.count)
        for (index, name) in names.enumerated().dropFirst() {
            guard indexOfName.updateValue(UInt32(index), forKey: name) == nil else { return nil }
        }
        let limit = UInt32(names.count)
        for edge in stored.edges {
            guard edge.subject < limit, edge.peer < limit else { return nil }
            edges[edge] = always
        }
        guard stored.subjects.allSatisfy({ $0 < limit }) else { return nil }
        subjects = Set(stored.subjects)
        for address in stored.outsideAddresses { outsideAddresses[address] = always }
        for name in stored.dnsNames { dnsNames[name] = always }
        for (mac, link) in stored.links { links[mac] = link }
    }
}
