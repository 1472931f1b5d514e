import NetworkAddresses

/// Remembers which services have lately refused several of their usual clients: retries of those
/// clients are caused by the service's failure. A table of fixed size: a newer service may replace
/// an older one.
struct Outages: Sendable {
    /// Number of clients from which a service counts as down.
    private static let clientCount = 3
    /// Seconds for which a refusal counts.
    private static let seconds = 60

    private struct Place {
        var key: UInt64 = 0
        var second = Int.min / 2
        /// A bit for each client, by its hash.
        var clients: UInt64 = 0
    }

    private var places = [Place](repeating: Place(), count: 1024)

    /// Notes a refusal.
    ///
    /// - Parameter client: identifies the client, and cannot be forged where a port is known.
    /// - Returns: whether the service refuses several of its clients.
    mutating func note(
        _ server: IPAddress, port: UInt16, client: UInt64, second: Int
    ) -> Bool {
        let key = DistinctWindow.mix(
            DistinctWindow.mix(server.high ^ server.low &* 3) ^ UInt64(port))
        let index = Int(key >> 54)
        if places[index].key != key || second - places[index].second > Self.seconds {
            places[index] = Place(key: key)
        }
        places[index].second = second
        places[index].clients |= 1 << (DistinctWindow.mix(client) >> 58)
        return places[index].clients.nonzeroBitCount >= Self.clientCount
    }
}
