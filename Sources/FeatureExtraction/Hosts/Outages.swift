import NetworkAddresses

/// A service that refuses several of its usual clients.
public struct ServiceOutage: Sendable, Equatable {
    public var port: UInt16
    /// At least so many clients were refused in the last minute.
    public var clients: Int
    /// Refused flows since the first one of this outage.
    public var refusals: Int
    /// The last second in which a client was refused.
    public var second: Int

    /// A sentence for people, without its full stop.
    public var text: String {
        "TCP \(port) refused \(refusals) flows of \(clients) or more of its usual clients"
    }
}

/// Remembers which services have lately refused several of their usual clients: retries of those
/// clients are caused by the service's failure. A table of fixed size: a newer service may replace
/// an older one.
struct Outages: Sendable {
    /// Number of clients from which a service counts as down.
    private static let clientCount = 3
    /// Seconds for which a refusal counts.
    private static let seconds = 60
    /// Seconds and refusals from which it is reported: a restart is shorter.
    private static let leastSeconds = 60
    private static let leastRefusals = 50

    private struct Place {
        var key: UInt64 = 0
        var first = Int.min / 2
        var second = Int.min / 2
        var refusals = 0
        /// A bit for each client, by its hash.
        var clients: UInt64 = 0
    }

    private var places = [Place](repeating: Place(), count: 1024)

    /// Notes a refusal.
    ///
    /// - Parameter client: identifies the client, and cannot be forged where a port is known.
    /// - Returns: whether the service refuses several of its clients, and the outage where it lasts
    ///   long enough to be reported.
    mutating func note(
        _ server: IPAddress, port: UInt16, client: UInt64, second: Int
    ) -> (isDown: Bool, outage: ServiceOutage?) {
        let key = DistinctWindow.mix(
            DistinctWindow.mix(server.high ^ server.low &* 3) ^ UInt64(port))
        let index = Int(key >> 54)
        if places[index].key != key || second - places[index].second > Self.seconds {
            places[index] = Place(key: key, first: second)
        }
        places[index].second = second
        places[index].refusals += 1
        places[index].clients |= 1 << (DistinctWindow.mix(client) >> 58)
        let place = places[index]
        let clients = place.clients.nonzeroBitCount
        guard clients >= Self.clientCount else { return (false, nil) }
        guard second - place.first >= Self.leastSeconds, place.refusals >= Self.leastRefusals else {
            return (true, nil)
        }
        return (
            true,
            ServiceOutage(port: port, clients: clients, refusals: place.refusals, second: second)
        )
    }
}
