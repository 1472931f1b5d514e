internal import CNetfilter
package import NetworkAddresses

/// Queries the kernel's routing tables (rtnetlink).
package struct RoutingSocket: ~Copyable {
    private var socket: NetlinkSocket
    private var sequence: UInt32 = 0

    package init() throws(NetlinkError) {
        socket = try NetlinkSocket(family: NETLINK_ROUTE)
    }

    private mutating func dump<T>(
        _ type: Int32, headerLength: Int, for operation: String,
        _ body: (NetlinkMessage) -> T?
    ) throws(NetlinkError) -> [T] {
        var request = NetlinkWriter(sequence: sequence)
        let start = request.begin(
            type: UInt16(type), flags: 1 | UInt16(NLM_F_DUMP),
            header: [UInt8](repeating: 0, count: headerLength), for: operation)
        request.end(start)
        sequence = request.sequence
        return try socket.dump(request.bytes, sequence: sequence, for: operation) {
            (message: NetlinkMessage) throws(NetlinkError) -> T? in body(message)
        }
    }

    package struct Link {
        package var name: String
        package var mac: MACAddress?
    }

    /// Every interface by its index.
    package mutating func links() throws(NetlinkError) -> [UInt32: Link] {
        let found = try dump(Int32(RTM_GETLINK), headerLength: 16, for: "list interfaces") {
            message -> (UInt32, Link)? in
            guard message.payload.count >= 16 else { return nil }
            let attributes = message.payload.dropFirst(16)
            let mac = attributes.attribute(UInt16(IFLA_ADDRESS))
            return (
                message.payload.dropFirst(4).native32,
                Link(
                    name: attributes.attribute(UInt16(IFLA_IFNAME))?.text ?? "?",
                    mac: mac.flatMap { $0.count == 6 ? MACAddress($0.big) : nil })
            )
        }
        return Dictionary(found) { first, _ in first }
    }

    /// Every address of this node, with its interface's index.
    package mutating func addresses() throws(NetlinkError) -> [(IPAddress, UInt32)] {
        try dump(Int32(RTM_GETADDR), headerLength: 8, for: "list addresses") {
            message -> (IPAddress, UInt32)? in
            guard message.payload.count >= 8 else { return nil }
            let attributes = message.payload.dropFirst(8)
            // On a point-to-point link, the plain attribute is the address of the other end.
            let own =
                attributes.attribute(UInt16(IFA_LOCAL))
                ?? attributes.attribute(UInt16(IFA_ADDRESS))
            guard let address = own.flatMap({ IPAddress(bytes: $0) }) else { return nil }
            return (address, message.payload.dropFirst(4).native32)
        }
    }

    /// A next hop of a route.
    package struct Gateway: Hashable, Sendable {
        package var address: IPAddress
        /// The index of the interface that leads to it; 0: the kernel names none.
        package var interface: UInt32
    }

    /// The gateway of every route, and whether it is that of the default route.
    package mutating func gateways() throws(NetlinkError) -> [(Gateway, Bool)] {
        let found = try dump(Int32(RTM_GETROUTE), headerLength: 12, for: "list routes") {
            message -> [(Gateway, Bool)]? in
            guard message.payload.count >= 12 else { return nil }
            let isDefault = message.payload.dropFirst().first == 0
            let attributes = message.payload.dropFirst(12)
            let interface = attributes.attribute(UInt16(RTA_OIF.rawValue))
            var hops = [
                (attributes, interface.flatMap { $0.count == 4 ? $0.native32 : nil } ?? 0)
            ]
            var rest = attributes.attribute(UInt16(RTA_MULTIPATH.rawValue)) ?? []
            while rest.count >= 8 {
                let length = Int(rest.native16)
                guard length >= 8, length <= rest.count else { break }
                hops.append(
                    (
                        rest[(rest.startIndex + 8)..<(rest.startIndex + length)],
                        rest.dropFirst(4).native32
                    ))
                rest = rest.dropFirst((length + 3) & ~3)
            }
            return hops.compactMap { hop, interface -> (Gateway, Bool)? in
                let gateway =
                    hop.attribute(UInt16(RTA_GATEWAY.rawValue))
                    ?? hop.attribute(UInt16(RTA_VIA.rawValue))?.dropFirst(2)
                return gateway.flatMap { IPAddress(bytes: $0) }.map {
                    (Gateway(address: $0, interface: interface), isDefault)
                }
            }
        }
        return found.flatMap(\.self)
    }

    /// Lets the kernel resolve the MAC address of a neighbour, as it does before it sends the first
    /// packet there: it broadcasts an ARP request or multicasts a neighbour solicitation, and twice
    /// more without an answer. Returns without waiting for the answer.
    ///
    /// - Throws: `.notPermitted` without CAP_NET_ADMIN.
    package mutating func resolve(_ gateway: Gateway) throws(NetlinkError) {
        var request = NetlinkWriter(sequence: sequence)
        // `struct ndmsg`: family, padding, interface, state, flags, type.
        var header = [UInt8](repeating: 0, count: 12)
        header[0] = UInt8(gateway.address.isIPv4 ? AF_INET : AF_INET6)
        for index in 0..<4 {
            header[4 + index] = UInt8(truncatingIfNeeded: gateway.interface >> (8 * index))
        }
        header[10] = UInt8(NTF_USE)
        let operation = "resolve gateway \(gateway.address)"
        let start = request.begin(
            type: UInt16(RTM_NEWNEIGH),
            flags: UInt16(NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE), header: header, for: operation)
        request.attribute(UInt16(NDA_DST), gateway.address)
        request.end(start)
        sequence = request.sequence
        // The acknowledgement ends it.
        _ = try socket.dump(request.bytes, sequence: sequence, for: operation) {
            (_: NetlinkMessage) throws(NetlinkError) -> Never? in nil
        }
    }

    /// The MAC addresses of known neighbours.
    package mutating func neighbours() throws(NetlinkError) -> [(IPAddress, MACAddress)] {
        try dump(Int32(RTM_GETNEIGH), headerLength: 12, for: "list neighbours") {
            message -> (IPAddress, MACAddress)? in
            guard message.payload.count >= 12 else { return nil }
            let attributes = message.payload.dropFirst(12)
            guard
                let address = attributes.attribute(UInt16(NDA_DST)).flatMap({
                    IPAddress(bytes: $0)
                }),
                let mac = attributes.attribute(UInt16(NDA_LLADDR)), mac.count == 6
            else { return nil }
            return (address, MACAddress(mac.big))
        }
    }
}
