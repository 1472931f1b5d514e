import BaselineGraph
import NetworkAddresses
import PacketDecoding

extension ByteWriter {
    mutating func put(_ graph: CommunicationGraph) {
        let parts = graph.stored
        put(UInt32(parts.names.count))
        for name in parts.names { put(name) }
        put(UInt32(parts.edges.count))
        for edge in parts.edges {
            put(edge.subject)
            put(edge.peer)
            put(edge.service.rawValue)
        }
        put(UInt32(parts.subjects.count))
        for subject in parts.subjects { put(subject) }
        put(UInt32(parts.outsideAddresses.count))
        for address in parts.outsideAddresses { put(address) }
        put(UInt32(parts.dnsNames.count))
        for name in parts.dnsNames {
            put(name.high)
            put(name.low)
        }
        put(UInt32(parts.links.count))
        for (mac, link) in parts.links {
            put(mac.value)
            put(UInt32(link.isRouter ? 1 : 0) | UInt32(link.isDHCPServer ? 2 : 0))
            put(UInt32(link.addresses.count))
            for address in link.addresses { put(address) }
        }
    }

    private mutating func put(_ address: IPAddress) {
        put(address.high)
        put(address.low)
    }
}

extension ByteReader {
    mutating func storedGraph() throws(ModelError) -> CommunicationGraph.Stored {
        var parts = CommunicationGraph.Stored()
        /// A number of facts of one kind.
        func facts(_ size: Int, _ name: String) throws(ModelError) -> Range<Int> {
            0..<(try count(ofSize: size, limit: CommunicationGraph.factLimit, name))
        }
        // Each edge has a subject and a peer, each of which may also have its network's name.
        let names = try count(
            ofSize: 4, limit: 4 * CommunicationGraph.factLimit, "the list of names")
        for _ in 0..<names { parts.names.append(try text()) }
        let edges = try facts(12, "the communication graph")
        parts.edges.reserveCapacity(edges.count)
        for _ in edges {
            parts.edges.append(
                CommunicationGraph.Edge(
                    subject: try uint32(), peer: try uint32(),
                    service: Service(rawValue: try uint32())))
        }
        for _ in 0..<(try count(ofSize: 4, limit: names, "the list of subjects")) {
            parts.subjects.append(try uint32())
        }
        for _ in try facts(16, "the list of outside addresses") {
            parts.outsideAddresses.append(try address())
        }
        for _ in try facts(16, "the list of DNS names") {
            parts.dnsNames.append(NameDigest(high: try uint64(), low: try uint64()))
        }
        for _ in try facts(16, "the list of hardware addresses") {
            let mac = MACAddress(try uint64())
            let roles = try uint32()
            var addresses: [IPAddress] = []
            for _ in 0..<(try count(ofSize: 16, limit: Self.most, "a hardware address")) {
                addresses.append(try address())
            }
            parts.links.append(
                (
                    mac,
                    .init(
                        addresses: addresses, isRouter: roles & 1 != 0,
                        isDHCPServer: roles & 2 != 0)
                ))
        }
        return parts
    }

    private mutating func address() throws(ModelError) -> IPAddress {
        IPAddress(high: try uint64(), low: try uint64())
    }
}
