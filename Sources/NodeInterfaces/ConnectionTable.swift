internal import Glibc
public import NetworkAddresses

/// Looks up connections in the kernel's table of tracked connections (nf_conntrack).
///
/// Requires CAP_NET_ADMIN. Belongs to the network namespace that the opening thread was in.
public struct ConnectionTable: ~Copyable, Sendable {
    private var socket: RouteSocket

    /// Addresses and ports of one direction of a connection.
    public struct Tuple: Hashable, Sendable, BitwiseCopyable {
        /// 6 TCP, 17 UDP, 1 ICMP echo, 58 ICMPv6 echo; others have no ports.
        public var ipProtocol: UInt8
        /// For ICMP echo: whether this is a reply.
        public var isEchoReply = false
        public var source: IPAddress
        public var destination: IPAddress
        /// For ICMP echo, the identifier in both directions.
        public var sourcePort: UInt16
        public var destinationPort: UInt16

        public init(
            ipProtocol: UInt8, source: IPAddress, destination: IPAddress, sourcePort: UInt16 = 0,
            destinationPort: UInt16 = 0
        ) {
            self.ipProtocol = ipProtocol
            self.source = source
            self.destination = destination
            self.sourcePort = sourcePort
            self.destinationPort = destinationPort
        }

        /// The other direction.
        public var reversed: Tuple {
            var tuple = Tuple(
                ipProtocol: ipProtocol, source: destination, destination: source,
                sourcePort: destinationPort, destinationPort: sourcePort)
            tuple.isEchoReply = isEcho && !isEchoReply
            return tuple
        }

        private var isEcho: Bool { ipProtocol == 1 || ipProtocol == 58 }

        /// Whether both have the same addresses and ports.
        public func hasSameEnds(as other: Tuple) -> Bool {
            source == other.source && destination == other.destination
                && sourcePort == other.sourcePort && destinationPort == other.destinationPort
        }
    }

    /// A connection as the kernel tracks it.
    public struct Connection: Equatable, Sendable {
        /// As its first packet came in, before any translation.
        public var original: Tuple
        /// As its answers come in, before any translation.
        public var reply: Tuple

        public init(original: Tuple, reply: Tuple) {
            self.original = original
            self.reply = reply
        }

        /// Who opened it and who answers, each with its own address, in the direction of
        /// `tuple`, which is one of the two.
        ///
        /// The initiator's own address is in the original direction, before source translation; the
        /// responder's own address is in the reply direction, before that is translated back.
        public func ends(inDirectionOf tuple: Tuple) -> Tuple {
            var forward = original
            forward.destination = reply.source
            // An echo has one identifier: the initiator's.
            let isEcho = original.ipProtocol == 1 || original.ipProtocol == 58
            if !isEcho { forward.destinationPort = reply.sourcePort }
            return tuple.hasSameEnds(as: original) ? forward : forward.reversed
        }
    }

    /// - Throws: `.kernel` where the socket cannot be opened.
    public init() throws(InterfaceError) {
        // NETLINK_NETFILTER.
        socket = try RouteSocket(family: 12)
    }

    /// The connection that has `tuple` as one of its directions; nil if there is none.
    ///
    /// - Throws: `.kernel` with EPERM where the capability is missing.
    public mutating func connection(_ tuple: Tuple) throws(InterfaceError) -> Connection? {
        // struct nfgenmsg: family, version, resource.
        let family = UInt8(tuple.source.isIPv4 ? AF_INET : AF_INET6)
        let request =
            [family, 0, 0, 0] + RouteMessage.attribute(Attribute.original, Self.encode(tuple))
        var connection: Connection?
        do {
            _ = try socket.ask(Self.get, flags: 0, body: request, for: "look up a connection") {
                connection = Self.decode($0)
            }
        } catch {
            guard error.code == ENOENT else { throw error }
        }
        return connection
    }

    /// NFNL_SUBSYS_CTNETLINK and IPCTNL_MSG_CT_GET.
    private static let get: UInt16 = 1 << 8 | 1

    /// Numbers of `linux/netfilter/nfnetlink_conntrack.h`.
    private enum Attribute {
        static let original: UInt16 = 1
        static let reply: UInt16 = 2
        static let addresses: UInt16 = 1
        static let transport: UInt16 = 2
        static let nested: UInt16 = 0x8000
    }

    private static func encode(_ tuple: Tuple) -> [UInt8] {
        let isIPv4 = tuple.source.isIPv4
        func big(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }
        var transport = RouteMessage.attribute(1, [tuple.ipProtocol])
        switch tuple.ipProtocol {
        case 1, 58:
            // Identifier, type and code, numbered from 4 for IPv4 and from 7 for IPv6.
            let first: UInt16 = tuple.ipProtocol == 1 ? 4 : 7
            let types: (request: UInt8, reply: UInt8) = tuple.ipProtocol == 1 ? (8, 0) : (128, 129)
            transport += RouteMessage.attribute(first, big(tuple.sourcePort))
            transport += RouteMessage.attribute(
                first + 1, [tuple.isEchoReply ? types.reply : types.request])
            transport += RouteMessage.attribute(first + 2, [0])
        default:
            transport += RouteMessage.attribute(2, big(tuple.sourcePort))
            transport += RouteMessage.attribute(3, big(tuple.destinationPort))
        }
        return RouteMessage.attribute(
            Attribute.addresses | Attribute.nested,
            RouteMessage.attribute(isIPv4 ? 1 : 3, tuple.source.bytes)
                + RouteMessage.attribute(isIPv4 ? 2 : 4, tuple.destination.bytes))
            + RouteMessage.attribute(Attribute.transport | Attribute.nested, transport)
    }

    static func decode(_ message: RouteMessage) -> Connection? {
        var original: Tuple?
        var reply: Tuple?
        message.body.dropFirst(4).forEachAttribute { type, value in
            if type == Attribute.original { original = tuple(value) }
            if type == Attribute.reply { reply = tuple(value) }
        }
        guard let original, let reply else { return nil }
        return Connection(original: original, reply: reply)
    }

    private static func tuple(_ value: ArraySlice<UInt8>) -> Tuple? {
        var source: IPAddress?
        var destination: IPAddress?
        var tuple = Tuple(ipProtocol: 0, source: .unspecified, destination: .unspecified)
        func big(_ value: ArraySlice<UInt8>) -> UInt16 {
            value.prefix(2).reduce(0) { $0 << 8 | UInt16($1) }
        }
        value.forEachAttribute { type, value in
            value.forEachAttribute { field, value in
                switch (type, field) {
                case (Attribute.addresses, 1), (Attribute.addresses, 3):
                    source = IPAddress(bytes: value)
                case (Attribute.addresses, 2), (Attribute.addresses, 4):
                    destination = IPAddress(bytes: value)
                case (Attribute.transport, 1): tuple.ipProtocol = value.first ?? 0
                case (Attribute.transport, 2): tuple.sourcePort = big(value)
                case (Attribute.transport, 3): tuple.destinationPort = big(value)
                case (Attribute.transport, 4), (Attribute.transport, 7):
                    (tuple.sourcePort, tuple.destinationPort) = (big(value), big(value))
                case (Attribute.transport, 5): tuple.isEchoReply = value.first == 0
                case (Attribute.transport, 8): tuple.isEchoReply = value.first == 129
                default: break
                }
            }
        }
        guard let source, let destination else { return nil }
        tuple.source = source
        tuple.destination = destination
        return tuple
    }
}
