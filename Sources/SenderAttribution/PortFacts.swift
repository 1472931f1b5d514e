public import NetworkAddresses

/// Changes of the ports of a node.
public struct PortChange: Sendable, Equatable {
    /// Ports that are new, or whose facts have changed.
    public var facts: [PortFacts] = []
    /// Ports that are gone.
    public var gone: [UInt32] = []
    /// Addresses of the node's own interfaces that a recording describes.
    public var nodeAddresses: Set<IPAddress> = []
    /// The MAC addresses of the node's next hops that are new, each with its addresses there.
    public var routers: [MACAddress: Set<IPAddress>] = [:]

    public init() {}

    public var isEmpty: Bool {
        facts.isEmpty && gone.isEmpty && nodeAddresses.isEmpty && routers.isEmpty
    }
}

/// The facts about a port of the node that do not come from its packets.
public struct PortFacts: Sendable, Equatable {
    /// The number in packets; no later port gets the same number.
    public var port: UInt32
    /// The interface's name.
    public var name: String
    /// Distinguishes the interface from later ones with its name; empty: unknown.
    public var instance: String
    /// The MAC address at the other end; zero: unknown.
    public var mac: MACAddress
    /// Addresses of the host or container at the other end.
    public var addresses: [IPAddress]
    /// Whether it has more addresses than these.
    public var hasMore = false
    /// The same for all ports of one host or container, and for no others; nil: unknown.
    public var host: Int32?
    /// Whether several hosts may be behind it: a physical interface, a tunnel, another bridge. Such
    /// a port is no evidence of who sent a frame.
    public var isShared: Bool

    public init(
        port: UInt32, name: String = "", instance: String = "", mac: MACAddress = .zero,
        addresses: [IPAddress] = [],
        host: Int32? = nil, isShared: Bool = false
    ) {
        self.port = port
        self.name = name
        self.instance = instance
        self.mac = mac
        self.addresses = addresses
        self.host = host
        self.isShared = isShared
    }
}
