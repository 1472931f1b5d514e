public import NetworkAddresses
import PacketDecoding
public import Timestamps
import Workloads

/// A name that was queried and that the baseline does not contain, with all queries for it.
public struct NewName: Sendable, Equatable {
    public var text: String
    /// The workload that asked first, and its address.
    public var workload: String
    public var source: IPAddress
    public var queryCount = 0
    public var first: Timestamp
    public var last: Timestamp

    /// The last two labels.
    public var domain: String {
        text.split(separator: ".").suffix(2).joined(separator: ".")
    }
}

/// Collects the names that are not in a baseline.
struct NameJudge {
    /// The greatest number of names that are listed.
    static let nameLimit = 65_536

    let known: Set<NameDigest>
    /// In order of their first queries; their texts are not known yet.
    private var names: [(digest: NameDigest, name: NewName)] = []
    /// Queries for further names.
    private var unlistedCount = 0
    private var indexOf: [NameDigest: Int] = [:]

    init(known: Set<NameDigest>) { self.known = known }

    mutating func observe(_ packet: Packet, _ identities: IdentityMap) {
        let digest = packet.dns.nameDigest
        guard packet.dns.kind == .query, digest != .none, !known.contains(digest) else { return }
        let index: Int
        if let found = indexOf[digest] {
            index = found
        } else if names.count < Self.nameLimit {
            index = names.count
            indexOf[digest] = index
            let name = NewName(
                text: "", workload: identities.identity(of: packet.source).name,
                source: packet.source, first: packet.time, last: packet.time)
            names.append((digest, name))
        } else {
            unlistedCount += 1
            return
        }
        names[index].name.queryCount += 1
        names[index].name.last = max(names[index].name.last, packet.time)
    }

    /// The names, and the number of queries for names that are not listed.
    func result(_ texts: [NameDigest: String]) -> (names: [NewName], unlistedCount: Int) {
        var result = (names: [NewName](), unlistedCount: unlistedCount)
        for (digest, name) in names {
            guard let text = texts[digest] else {
                result.unlistedCount += name.queryCount
                continue
            }
            result.names.append(name)
            result.names[result.names.count - 1].text = text
        }
        return result
    }
}
