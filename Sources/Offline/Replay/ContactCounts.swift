import BaselineGraph
public import NetworkAddresses

/// Whom each host of a capture opened flows to, for a ranking. Both the hosts and the contacts of
/// each are bounded, so that a capture of forged addresses cannot fill the memory.
public struct ContactCounts: Sendable {
    /// One end of flows that a host opened.
    public struct Contact: Hashable, Sendable {
        public var address: IPAddress
        public var ipProtocol: UInt8
        /// 0 where the protocol has no ports.
        public var port: UInt16

        /// `10.60.2.5 TCP 5432`.
        public var text: String {
            let name = Service.protocolName(ipProtocol)
            return "\(address) \(name)" + (port == 0 ? "" : " \(port)")
        }

        /// The upper-case name of the protocol.
        public var protocolName: String { Service.protocolName(ipProtocol) }
    }

    private static let hostLimit = 4096
    private static let contactLimit = 4096
    private static let totalLimit = 1 << 19

    private var flows: [IPAddress: [Contact: Int]] = [:]
    private var total = 0

    /// Counts a flow.
    mutating func add(_ opening: WindowReader.Opening) {
        let host = opening.subject
        let contact = Contact(
            address: opening.peer, ipProtocol: opening.ipProtocol,
            port: Service.hasPorts(opening.ipProtocol) ? opening.port : 0)
        guard flows[host] != nil || flows.count < Self.hostLimit else { return }
        let isKnown = flows[host]?[contact] != nil
        let hasRoom = flows[host]?.count ?? 0 < Self.contactLimit && total < Self.totalLimit
        guard isKnown || hasRoom else { return }
        if !isKnown { total += 1 }
        flows[host, default: [:]][contact, default: 0] += 1
    }

    /// A host's contacts by address, most flows first: `10.60.3.5, 1002 ports (1044 flows)`.
    func texts(of host: IPAddress, limit: Int) -> [String] {
        var ends: [IPAddress: (first: Contact, ports: Int, flows: Int)] = [:]
        for (contact, flows) in flows[host] ?? [:] {
            var end = ends[contact.address] ?? (contact, 0, 0)
            end.ports += 1
            end.flows += flows
            ends[contact.address] = end
        }
        let order = ends.sorted { ($1.value.flows, $0.key) < ($0.value.flows, $1.key) }
        return order.prefix(limit).map { address, end in
            let place = end.ports == 1 ? end.first.text : "\(address), \(end.ports) ports"
            return "\(place) (\(end.flows) \(end.flows == 1 ? "flow" : "flows"))"
        }
    }

    /// A host's contacts, most flows first.
    public func contacts(of host: IPAddress) -> [(contact: Contact, flows: Int)] {
        (flows[host] ?? [:]).map { (contact: $0.key, flows: $0.value) }.sorted {
            ($1.flows, $0.contact.address, $0.contact.port, $0.contact.ipProtocol)
                < ($0.flows, $1.contact.address, $1.contact.port, $1.contact.ipProtocol)
        }
    }
}
