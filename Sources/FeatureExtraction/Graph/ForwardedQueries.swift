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
    /// Name servers that its clients' queries make a resolver try, ten seconds later at most: a
    /// domain may name many that do not answer.
    private var servers = Allowances(bits: 8, seconds: 10)
    private static let serversEach = 16
    /// Hosts that were asked by clients of whom the baseline knows that.
    private var known = RecentPairs(seconds: 600)

    /// Records that a client asked `server` for a name.
    mutating func note(_ name: NameDigest, askedOf server: IPAddress) {
        let key = Self.key(name, server)
        asked[Int(key >> 51)] = key
    }

    /// Records that a client asked a server which the baseline knows to answer it.
    mutating func noteServer(_ server: IPAddress, second: Int) {
        known.note(server, second: second)
    }

    /// Whether the baseline knew one of its clients lately.
    func isServer(_ host: IPAddress, second: Int) -> Bool { known.contains(host, second: second) }

    /// Records questions of a client to a server that is known to answer it, or others.
    mutating func noteClient(of server: IPAddress, questions: Int, second: Int) {
        allowances.add(
            Self.namesEach * questions, at: allowances.place(of: server), second: second)
        servers.add(Self.serversEach * questions, at: servers.place(of: server), second: second)
    }

    /// Whether clients' queries explain that `server` asks for another name now.
    mutating func isExplained(by server: IPAddress, second: Int) -> Bool {
        allowances.take(at: allowances.place(of: server), second: second)
    }

    /// Whether clients' queries explain that `server` asks a name server that it never asked.
    mutating func explainsContact(of server: IPAddress, second: Int) -> Bool {
        servers.take(at: servers.place(of: server), second: second)
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
