public import NetworkAddresses

/// The addresses that are never fenced, each with its reason.
public struct ProtectedSet: Sendable, Equatable {
    /// One protected prefix.
    public struct Entry: Sendable, Hashable {
        public var prefix: IPPrefix
        /// What it is: "address of eth0", "default gateway", "resolver".
        public var reason: String

        public init(_ prefix: IPPrefix, reason: String) {
            self.prefix = prefix
            self.reason = reason
        }
    }

    public private(set) var entries: [Entry] = []
    /// MAC addresses that are never fenced, with their reasons.
    public private(set) var links: [MACAddress: String] = [:]

    /// Interfaces of the node that are never fenced, with their reasons.
    public private(set) var ports: [String: String] = [:]

    /// Creates a set with the targets that can never be fenced: loopback, multicast, broadcast and
    /// unspecified addresses.
    public init() { entries = Self.always }

    /// Addresses that are no host's, or this node's own: no fence covers them, even with force.
    private static let always = [
        ("127.0.0.0/8", "loopback"), ("::1", "loopback"), ("0.0.0.0/8", "this network"),
        ("::", "no address"), ("224.0.0.0/4", "multicast"), ("ff00::/8", "multicast"),
        ("255.255.255.255", "broadcast"),
    ].compactMap { text, reason in IPPrefix(text).map { Entry($0, reason: reason) } }

    /// The fewest bits that a fenced prefix may have: a fence around half of the internet is a
    /// mistake or an attack.
    public static let widestPrefix = (ipv4: 8, ipv6: 16)

    /// The reason why `target` can never be fenced, even with force; nil where it can.
    public static func finalObjection(to target: QuarantineTarget) -> String? {
        switch target {
        case .prefix(let prefix):
            if let entry = always.first(where: { $0.prefix.overlaps(prefix) }) {
                return "it covers \(entry.prefix), \(entry.reason)"
            }
            let isIPv4 = prefix.address.isIPv4
            let widest = isIPv4 ? widestPrefix.ipv4 : widestPrefix.ipv6
            return prefix.length < widest
                ? "it is wider than /\(widest), the widest for \(isIPv4 ? "IPv4" : "IPv6")" : nil
        case .link(let link):
            return link.isGroup || link == .zero ? "it is not a network card's address" : nil
        case .port: return nil
        }
    }

    /// Protects `prefix`; a second reason for the same prefix is not added.
    public mutating func add(_ prefix: IPPrefix, reason: String) {
        guard !entries.contains(where: { $0.prefix == prefix }) else { return }
        entries.append(Entry(prefix, reason: reason))
    }

    /// Protects one MAC address.
    public mutating func add(_ link: MACAddress, reason: String) {
        if links[link] == nil { links[link] = reason }
    }

    /// Protects one interface of the node.
    public mutating func add(port name: String, reason: String) {
        if ports[name] == nil { ports[name] = reason }
    }

    /// Adds everything in `other`.
    public mutating func formUnion(_ other: ProtectedSet) {
        var known = Set(entries.map(\.prefix))
        for entry in other.entries where known.insert(entry.prefix).inserted {
            entries.append(entry)
        }
        links.merge(other.links) { mine, _ in mine }
        ports.merge(other.ports) { mine, _ in mine }
    }

    /// The first entry that shares an address with `prefix`; nil if `prefix` may be fenced.
    public func check(_ prefix: IPPrefix) -> Entry? {
        entries.first { $0.prefix.overlaps(prefix) }
    }

    /// The reason why `target` may not be fenced; nil if it may.
    public func objection(to target: QuarantineTarget) -> String? {
        let why: String? =
            switch target {
            case .prefix(let prefix):
                check(prefix).map { "\($0.prefix) is protected: \($0.reason)" }
            case .link(let link): links[link].map { "\(link) is protected: \($0)" }
            case .port(let name): ports[name].map { "\(name) is protected: \($0)" }
            }
        return why ?? Self.finalObjection(to: target)
    }

    /// The fewest prefixes that together contain every address of `prefix` except those in `holes`.
    ///
    /// - Parameter holes: prefixes that overlap it.
    /// - Returns: in ascending order; `[prefix]` without holes, empty if they cover everything.
    /// - Complexity: at most one prefix per bit and hole.
    package static func split(_ prefix: IPPrefix, around holes: [IPPrefix]) -> [IPPrefix] {
        if holes.isEmpty { return [prefix] }
        if holes.contains(where: { $0.contains(prefix) }) { return [] }
        guard let (lower, upper) = prefix.halves else { return [] }
        return split(lower, around: holes.filter { $0.overlaps(lower) })
            + split(upper, around: holes.filter { $0.overlaps(upper) })
    }
}
