import NetworkAddresses

/// Counts the messages by which clients may have asked a server to open connections: to themselves
/// (FTP, RTP), or to others (proxies). Each explains one connection.
struct Requests: Sendable {
    /// A connection may be caused by a message of the last ten seconds.
    private var allowances = Allowances(bits: 10, seconds: 10)

    /// Notes a message to a server.
    mutating func note(_ server: IPAddress, second: Int) {
        allowances.add(1, at: allowances.place(of: server), second: second)
    }

    /// Whether a message explains a connection that a server opens now; it explains no other.
    mutating func take(_ server: IPAddress, second: Int) -> Bool {
        allowances.take(at: allowances.place(of: server), second: second)
    }

    /// Whether servers of a well-known port open connections that their clients ask for: FTP, RTSP,
    /// SIP, SOCKS and HTTP proxies.
    static func areUsual(at port: UInt16) -> Bool {
        switch port {
        case 21, 554, 1080, 3128, 5060: true
        default: false
        }
    }
}
