internal import CNetfilter
package import NetworkAddresses

extension NetlinkSocket {
    /// Deletes the connection tracking entries with an address for which `isHit` returns true.
    ///
    /// - Parameter sequence: the number of the last message; advanced by the messages that are
    ///   sent.
    package mutating func deleteConnections(
        sequence: inout UInt32, where isHit: (IPAddress) -> Bool
    ) throws(NetlinkError) {
        let type = UInt16(NFNL_SUBSYS_CTNETLINK) << 8
        var request = NetlinkWriter(sequence: sequence)
        let start = request.begin(
            type: type | UInt16(IPCTNL_MSG_CT_GET.rawValue), flags: 1 | UInt16(NLM_F_DUMP),
            family: 0, .request("list connections"))
        request.end(start)
        sequence = request.sequence
        let found = try dump(
            request.bytes, sequence: sequence, for: "list connections"
        ) { (message: NetlinkMessage) throws(NetlinkError) -> NetlinkMessage? in
            Self.addresses(of: message).contains(where: isHit) ? message : nil
        }
        for message in found { try delete(message, type: type, sequence: &sequence) }
    }

    private mutating func delete(
        _ connection: NetlinkMessage, type: UInt16, sequence: inout UInt32
    ) throws(NetlinkError) {
        var request = NetlinkWriter(sequence: sequence)
        let start = request.begin(
            type: type | UInt16(IPCTNL_MSG_CT_DELETE.rawValue), flags: 1 | UInt16(NLM_F_ACK),
            family: connection.payload.first ?? 0, .request("delete a connection"))
        for (attribute, value) in NetlinkAttributes(connection.payload.dropFirst(4)) {
            switch ctattr_type(rawValue: UInt32(attribute)) {
            case CTA_TUPLE_ORIG:
                request.attribute(attribute | UInt16(NLA_F_NESTED), value)
            case CTA_ID, CTA_ZONE: request.attribute(attribute, value)
            default: break
            }
        }
        request.end(start)
        sequence = request.sequence
        try send(request.bytes, for: "delete a connection")
        // The entry may have ended already, so the result does not matter.
        _ = try receive(milliseconds: 1000, for: "delete a connection")
    }

    private static func addresses(of connection: NetlinkMessage) -> [IPAddress] {
        let attributes = connection.payload.dropFirst(4)
        return [CTA_TUPLE_ORIG, CTA_TUPLE_REPLY].flatMap { tuple -> [IPAddress] in
            let addresses = attributes.attribute(UInt16(tuple.rawValue))?
                .attribute(UInt16(CTA_TUPLE_IP.rawValue))
            return NetlinkAttributes(addresses ?? []).compactMap { IPAddress(bytes: $0.value) }
        }
    }
}
