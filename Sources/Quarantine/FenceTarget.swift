public import NetworkAddresses

/// What a fence stands around: the addresses of a prefix, or one network card.
public enum FenceTarget: Hashable, Comparable, Sendable {
    /// An address or a network, held by source and by destination.
    case prefix(IPPrefix)
    /// A MAC address: for who borrows other addresses. Held on this node's bridges only.
    case link(MACAddress)

    /// The prefix, or nil for a MAC address.
    public var prefix: IPPrefix? {
        if case .prefix(let prefix) = self { prefix } else { nil }
    }

    /// Whether this is one address or one network card, not a network.
    public var isSingle: Bool { prefix?.isHost ?? true }
}

extension FenceTarget: CustomStringConvertible, LosslessStringConvertible {
    public var description: String {
        switch self {
        case .prefix(let prefix): prefix.description
        case .link(let address): address.description
        }
    }

    /// Parses an address, a prefix or a MAC address.
    public init?(_ text: String) {
        if let prefix = IPPrefix(text) {
            self = .prefix(prefix)
        } else if let address = MACAddress(text) {
            self = .link(address)
        } else {
            return nil
        }
    }
}

/// What happens to the packets of a fenced target.
public enum FenceResponse: String, Hashable, Sendable, CaseIterable, Comparable {
    /// Nothing goes in or out, except to services that are kept reachable.
    case drop
    /// Only what the target initiates goes through; it answers nobody.
    case egress
    /// More than a stated number of packets a second is dropped.
    case limit
    /// Packets are counted and let through.
    case observe

    /// What it comes to for `target`: whose connections a network card opens cannot be told, so
    /// `egress` cuts it off.
    public func applied(to target: FenceTarget) -> FenceResponse {
        self == .egress && target.prefix == nil ? .drop : self
    }

    public static func < (left: FenceResponse, right: FenceResponse) -> Bool {
        left.strictness > right.strictness
    }

    private var strictness: Int {
        switch self {
        case .drop: 3
        case .egress: 2
        case .limit: 1
        case .observe: 0
        }
    }
}

/// A service that fenced workloads may still use: an address, or one port of it.
public struct KeptService: Hashable, Sendable {
    /// The transport a kept port belongs to.
    public enum Transport: String, Hashable, Sendable { case tcp, udp }

    /// What it is, for the operator: "DNS", "forensic host".
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
