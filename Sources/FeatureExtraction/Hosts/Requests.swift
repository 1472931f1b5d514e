import NetworkAddresses

/// Counts the messages by which clients may have asked a server to open connections: to themselves
/// (FTP, RTP), or to others (proxies). Each explains one connection.
///
/// A table of fixed size by the server's address alone: two servers may share a place, so that
/// what one of them was asked excuses the other rather than that nobody is excused.
struct Requests: Sendable {
    /// Seconds after the last message in which a connection may be caused by it.
    private static let seconds = 10
    private static let most = 4096

    private struct Place {
        var second = Int.min / 2
        var count = 0
    }

    private var places = [Place](repeating: Place(), count: 1024)

    /// Notes a message to a server.
    mutating func note(_ server: IPAddress, second: Int) {
        let index = Self.index(server)
        if second - places[index].second > Self.seconds { places[index].count = 0 }
        places[index].second = second
        places[index].count = min(places[index].count + 1, Self.most)
    }

    /// Whether a message explains a connection that a server opens now; it explains no other.
    mutating func take(_ server: IPAddress, second: Int) -> Bool {
        let index = Self.index(server)
        guard places[index].count > 0, second - places[index].second <= Self.seconds else {
            return false
        }
        places[index].count -= 1
        return true
    }

    /// Whether servers of a well-known port open connections that their clients ask for: FTP, RTSP,
    /// SIP, SOCKS and HTTP proxies.
    static func areUsual(at port: UInt16) -> Bool {
        switch port {
        case 21, 554, 1080, 3128, 5060: true
        default: false
        }
    }

    private static func index(_ server: IPAddress) -> Int {
        Int(DistinctWindow.mix(server.high ^ server.low &* 3) >> 54)
    }
}
