import NetworkAddresses

/// Remembers the names that hosts were recently queried for, so a resolver that forwards a query is
/// not charged with it. The table has a fixed size: a newer query may replace an older one.
struct ForwardedQueries: Sendable {
    private var asked = [UInt64](repeating: 0, count: 8192)

    /// Records that a client asked `server` for a name.
    mutating func note(_ name: UInt64, askedOf server: IPAddress) {
        let key = Self.key(name, server)
        asked[Int(key >> 51)] = key
    }

    /// Whether a client has queried `server` for this name, so its own query forwards that one.
    func isRelayed(_ name: UInt64, by server: IPAddress) -> Bool {
        let key = Self.key(name, server)
        return asked[Int(key >> 51)] == key
    }

    private static func key(_ name: UInt64, _ server: IPAddress) -> UInt64 {
        DistinctWindow.mix(name ^ DistinctWindow.mix(server.high ^ server.low &* 3)) | 1
    }
}
