public import NetworkAddresses

/// What has changed of the ports of a node.
public struct PortChange: Sendable, Equatable {
    /// Ports that are new, or of which something else is known.
    public var facts: [PortFacts] = []
    /// Ports that have gone.
    public var gone: [UInt32] = []

    public init() {}

    public var isEmpty: Bool { facts.isEmpty && gone.isEmpty }
}

/// What is known of a port of the node beside its packets.
public struct PortFacts: Sendable, Equatable {
    /// As packets have it; no later port gets the number.
    public var port: UInt32
    /// What the interface is called.
    public var name: String
    /// Tells the interface from a later one with the same name; empty: not known.
    public var instance: String
    /// The card at the other end; zero: not known.
    public var mac: MACAddress
    /// Addresses that the host or container at the other end has.
    public var addresses: [IPAddress]
    /// The same for all ports of one host or container, and for no others; nil: not known.
    public var host: Int32?
    /// Whether several hosts may be behind it: a card, a tunnel, another bridge. Then a port says
    /// nothing about who sent a frame.
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
