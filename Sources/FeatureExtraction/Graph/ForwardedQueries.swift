import NetworkAddresses
import PacketDecoding

/// Remembers the names that hosts were recently queried for, so a resolver that forwards a query is
/// not charged with it. The table has a fixed size: a newer query may replace an older one.
///
/// To answer a query, a resolver asks for further names, as aliases (CNAME) and name servers tell
/// it: some for each query of a client.
struct ForwardedQueries: Sendable {
    private var asked = [UInt64](repeating: 0, count: 8192)
    /// Queries of a resolver that its clients' queries explain, by its address alone.
    private var allowances = [Allowance](repeating: Allowance(), count: 256)

    private struct Allowance {
        var second = Int.min / 2
        var count = 0
    }

    /// Further names for each query, and the seconds in which they are asked for.
    private static let namesEach = 2
    private static let seconds = 5
    private static let mostNames = 4096

    /// Records that a client asked `server` for a name.
    mutating func note(_ name: NameDigest, askedOf server: IPAddress, second: Int) {
        let key = Self.key(name, server)
        asked[Int(key >> 51)] = key
        let index = Self.index(server)
        if second - allowances[index].second > Self.seconds { allowances[index].count = 0 }
        allowances[index].second = second
        allowances[index].count = min(allowances[index].count + Self.namesEach, Self.mostNames)
    }

    /// Whether clients' queries explain that `server` asks for another name now.
    mutating func isExplained(by server: IPAddress, second: Int) -> Bool {
        let index = Self.index(server)
        guard allowances[index].count > 0, second - allowances[index].second <= Self.seconds else {
            return false
        }
        allowances[index].count -= 1
        return true
    }

    /// Whether a client has sent `server` a query for the name that `server` queries now.
    func isRelayed(_ name: NameDigest, by server: IPAddress) -> Bool {
        let key = Self.key(name, server)
        return asked[Int(key >> 51)] == key
    }

    private static func index(_ server: IPAddress) -> Int {
        Int(DistinctWindow.mix(server.high ^ server.low &* 3) >> 56)
    }

    private static func key(_ name: NameDigest, _ server: IPAddress) -> UInt64 {
        DistinctWindow.mix(name.low ^ DistinctWindow.mix(server.high ^ server.low &* 3)) | 1
    }
}
