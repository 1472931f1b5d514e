import NetworkAddresses

/// Remembers which names hosts were asked for lately, so that a resolver that passes a question on
/// is not taken for the one who asks. A table of fixed size: a newer question may take an older
/// one's place.
struct ForwardedQueries: Sendable {
    private var asked = [UInt64](repeating: 0, count: 8192)

    /// Records that a client asked `server` for a name.
    mutating func note(_ name: UInt64, askedOf server: IPAddress) {
        let key = Self.key(name, server)
        asked[Int(key >> 51)] = key
    }

    /// Whether a client asked `server` for the name that it asks for now.
    func isRelayed(_ name: UInt64, by server: IPAddress) -> Bool {
        let key = Self.key(name, server)
        return asked[Int(key >> 51)] == key
    }

    private static func key(_ name: UInt64, _ server: IPAddress) -> UInt64 {
        DistinctWindow.mix(name ^ DistinctWindow.mix(server.high ^ server.low &* 3)) | 1
    }
}
