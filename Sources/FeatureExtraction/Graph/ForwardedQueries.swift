import NetworkAddresses
import PacketDecoding

/// Remembers the names that hosts were recently queried for, so a resolver that forwards a query is
/// not charged with it. The table has a fixed size: a newer query may replace an older one.
struct ForwardedQueries: Sendable {
    private var asked = [UInt64](repeating: 0, count: 8192)

    /// Records that a client asked `server` for a name.
    mutating func note(_ name: NameDigest, askedOf server: IPAddress) {
        let key = Self.key(name, server)
        asked[Int(key >> 51)] = key
    }

    /// Whether a client has sent `server` a query for the name that `server` queries now.
    func isRelayed(_ name: NameDigest, by server: IPAddress) -> Bool {
        let key = Self.key(name, server)
        return asked[Int(key >> 51)] == key
    }

    private static func key(_ name: NameDigest, _ server: IPAddress) -> UInt64 {
        DistinctWindow.mix(name.low ^ DistinctWindow.mix(server.high ^ server.low &* 3)) | 1
    }
}
