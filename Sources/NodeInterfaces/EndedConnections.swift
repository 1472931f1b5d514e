/// Receives the translated connections that the kernel stops to track.
///
/// A connection that is refused at once ends before it can be looked up.
public struct EndedConnections: ~Copyable, Sendable {
    private var socket: RouteSocket

    /// NFNL_SUBSYS_CTNETLINK and IPCTNL_MSG_CT_DELETE.
    private static let ended: UInt16 = 1 << 8 | 2
    /// CTA_STATUS, and its bits IPS_SRC_NAT and IPS_DST_NAT.
    private static let status: UInt16 = 3
    private static let translated: UInt8 = 0x30
    /// The most datagrams of one call, which bounds its time; the rest waits for the next one.
    private static let most = 1000

    /// Subscribes to the events (NFNLGRP_CONNTRACK_DESTROY of NETLINK_NETFILTER).
    ///
    /// - Throws: `.kernel` where the socket cannot be opened.
    public init() throws(InterfaceError) { socket = try RouteSocket(groups: 1 << 2, family: 12) }

    /// Passes the connections that have ended since the last call to `body`; never waits.
    ///
    /// Events that found no room in the socket are lost.
    public mutating func take(_ body: (ConnectionTable.Connection) -> Void) {
        for _ in 0..<Self.most {
            guard let messages = try? socket.receive(waits: false) else { return }
            for message in messages where message.kind == Self.ended {
                guard Self.isTranslated(message), let found = ConnectionTable.decode(message)
                else { continue }
                body(found)
            }
        }
    }

    private static func isTranslated(_ message: RouteMessage) -> Bool {
        var bits: UInt8 = 0
        message.body.dropFirst(4).forEachAttribute { type, value in
            // Four bytes in network order.
            if type == status, value.count == 4 { bits = value[value.startIndex + 3] }
        }
        return bits & translated != 0
    }
}
