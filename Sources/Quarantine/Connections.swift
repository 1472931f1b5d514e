internal import CNetfilter
internal import NetworkAddresses

extension Firewall {
    /// Deletes the connection tracking entries of what was just fenced, so that a connection does
    /// not live on in the tracker after the fence has ended.
    mutating func flushConnections(_ changes: [FenceChange]) throws(QuarantineError) {
        let fenced = changes.compactMap { change -> IPPrefix? in
            guard case .put(let claim) = change, claim.response == .drop else { return nil }
            return claim.target.prefix
        }
        guard !fenced.isEmpty else { return }
        let hosts = Set(fenced.filter(\.isHost).map(\.address))
        let networks = fenced.filter { !$0.isHost }
        let type = UInt16(NFNL_SUBSYS_CTNETLINK) << 8
        var request = NetlinkWriter(sequence: sequence)
        let start = request.begin(
            type: type | UInt16(IPCTNL_MSG_CT_GET.rawValue), flags: 1 | UInt16(NLM_F_DUMP),
            family: 0, .layout("list connections"))
        request.end(start)
        sequence = request.sequence
        let found = try socket.dump(
            request.bytes, sequence: sequence, for: "list connections"
        ) { (message: NetlinkMessage) throws(QuarantineError) -> NetlinkMessage? in
            let isHit = Self.addresses(of: message).contains { address in
                hosts.contains(address) || networks.contains { $0.contains(address) }
            }
            return isHit ? message : nil
        }
        for message in found { try delete(message, type: type) }
    }

    private mutating func delete(
        _ connection: NetlinkMessage, type: UInt16
    ) throws(QuarantineError) {
        var request = NetlinkWriter(sequence: sequence)
        let start = request.begin(
            type: type | UInt16(IPCTNL_MSG_CT_DELETE.rawValue), flags: 1 | UInt16(NLM_F_ACK),
            family: connection.payload.first ?? 0, .layout("delete a connection"))
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
        try socket.send(request.bytes, for: "delete a connection")
        // An entry that ended meanwhile is as good as deleted: the answer does not matter.
        _ = try socket.receive(milliseconds: 1000, for: "delete a connection")
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
