public import NetworkAddresses

/// The target of a rule: the addresses of a prefix, or one MAC address.
public enum QuarantineTarget: Hashable, Comparable, Sendable {
    /// An address or a network, matched as source and as destination.
    case prefix(IPPrefix)
    /// A MAC address, for hosts that spoof IP addresses. Matched on this node's bridges only.
    case link(MACAddress)
    /// A port of this node, by the interface's name: everything that enters or leaves by it,
    /// whatever addresses it bears.
    case port(String)

    /// The prefix, or nil for a MAC address and a port.
    public var prefix: IPPrefix? {
        if case .prefix(let prefix) = self { prefix } else { nil }
    }

    /// Whether this is one address, MAC address or port, and not a network.
    public var isSingle: Bool { prefix?.isHost ?? true }

    /// Whether it is a port of this node.
    package var isPort: Bool { if case .port = self { true } else { false } }

    /// Whether it is a MAC address.
    package var isLink: Bool { if case .link = self { true } else { false } }

    /// Whether a release of this target includes rules on `other`.
    package func covers(_ other: QuarantineTarget) -> Bool {
        if let mine = prefix, let theirs = other.prefix { return mine.contains(theirs) }
        return self == other
    }

    /// Whether packets of a host with this address and MAC address, at this port, match.
    func matches(_ address: IPAddress, link: MACAddress, port: String?) -> Bool {
        switch self {
        case .prefix(let prefix): prefix.contains(address)
        case .link(let own): own == link
        case .port(let name): name == port
        }
    }
}

extension QuarantineTarget: CustomStringConvertible, LosslessStringConvertible {
    public var description: String {
        switch self {
        case .prefix(let prefix): prefix.description
        case .link(let address): address.description
        case .port(let name): Self.portPrefix + name
        }
    }

    private static let portPrefix = "port:"

    /// Parses an address, a prefix, a MAC address, or `port:NAME`.
    public init?(_ text: String) {
        if text.hasPrefix(Self.portPrefix) {
            let name = text.dropFirst(Self.portPrefix.count)
            guard Self.isInterfaceName(name) else { return nil }
            self = .port(String(name))
        } else if let prefix = IPPrefix(text) {
            self = .prefix(prefix)
        } else if let address = MACAddress(text) {
            self = .link(address)
        } else {
            return nil
        }
    }

    /// Whether the kernel accepts the name for an interface, and other programs cannot misread it.
    private static func isInterfaceName(_ name: Substring) -> Bool {
        (1...15).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !#"/:"*\'@{}"#.utf8.contains($0) }
    }
}

/// A service that quarantined workloads may still use: an address, or one port of it.
public struct KeptService: Hashable, Sendable {
    /// The transport a kept port belongs to.
    public enum Transport: String, Hashable, Sendable { case tcp, udp }

    /// A name for the operator: "DNS", "forensic host".
    public var name: String
    public var address: IPAddress
    /// The port that stays reachable; nil keeps the whole address reachable.
    public var port: Port?

    /// A transport and its port number.
    public struct Port: Hashable, Sendable {
        public var transport: Transport
        public var number: UInt16

        public init(_ transport: Transport, _ number: UInt16) {
            self.transport = transport
            self.number = number
        }
    }

    public init(name: String, address: IPAddress, port: Port? = nil) {
        self.name = name
        self.address = address
        self.port = port
    }
}
