import NetworkAddresses
import PacketDecoding

/// Remembers the names that hosts were recently queried for, so a resolver that forwards a query is
/// not charged with it. The table has a fixed size: a newer query may replace an older one.
///
/// To answer a query, a resolver asks for further names, as aliases (CNAME) and name servers tell
/// it: some for each query of a client.
struct ForwardedQueries: Sendable {
    private var asked = [UInt64](repeating: 0, count: 8192)
    /// Queries of a resolver that its clients' queries explain, five seconds later at most.
    private var allowances = Allowances(bits: 8, seconds: 5)
    /// Further names for each query.
    private static let namesEach = 2

    /// Records that a client asked `server` for a name.
    mutating func note(_ name: NameDigest, askedOf server: IPAddress, second: Int) {
        let key = Self.key(name, server)
        asked[Int(key >> 51)] = key
        allowances.add(Self.namesEach, at: allowances.place(of: server), second: second)
    }

    /// Whether clients' queries explain that `server` asks for another name now.
    mutating func isExplained(by server: IPAddress, second: Int) -> Bool {
        allowances.take(at: allowances.place(of: server), second: second)
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
