public import NetworkAddresses

/// A host that takes the place of another: it announces the other's address, serves its clients,
/// or forwards its packets. Wrong the first time, so it needs no baseline.
public struct Takeover: Sendable, Equatable {
    public enum Kind: UInt8, Sendable {
        /// ARP announces another host's IP address.
        case arp
        /// Neighbour discovery announces another host's IP address.
        case neighbour
        /// Another host's MAC address as source.
        case macAddress
        /// Packets of another host, which it had sent to this host's MAC address, forwarded.
        case nextHop
        /// Answers of a DHCP server.
        case dhcp
        /// Router advertisements, or redirects, of a host that is no router.
        case router
        /// Many unrequested announcements.
        case flood
    }

    public var kind: Kind
    /// The address that was taken; for a next hop, that of the host whose packets it forwards.
    public var address: IPAddress
    /// The MAC address of the rightful holder; zero: unknown.
    public var holder: MACAddress
    /// Whether the address is a gateway's.
    public var isGateway: Bool
    public var evidence: Evidence
    /// Packets that show it so far.
    public var count = 1
    /// The last second in which it was seen.
    public var second = 0

    public init(
        kind: Kind, address: IPAddress, holder: MACAddress = .zero, isGateway: Bool = false,
        evidence: Evidence
    ) {
        self.kind = kind
        self.address = address
        self.holder = holder
        self.isGateway = isGateway
        self.evidence = evidence
    }

    /// A sentence for people, without its full stop.
    public var text: String {
        let what = "\(address)" + (isGateway ? ", the gateway's address," : "")
        let owner = holder == .zero ? "another host" : "\(holder)"
        let times = count == 1 ? "" : " (\(count) times)"
        switch kind {
        case .arp: return "ARP announces \(what) which belongs to \(owner)\(times)"
        case .neighbour:
            return "neighbour discovery announces \(what) which belongs to \(owner)\(times)"
        case .macAddress:
            return "uses the MAC address \(holder), which belongs to another port\(times)"
        case .nextHop: return "forwards or answers packets of \(address)\(times), and is no router"
        case .dhcp: return "answers DHCP clients\(times), and is no known server"
        case .router: return "advertises routes or redirects\(times), and is no router"
        case .flood: return "\(count) unrequested ARP or neighbour announcements"
        }
    }
}
