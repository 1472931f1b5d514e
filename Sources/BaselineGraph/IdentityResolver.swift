package import NetworkAddresses
package import Workloads

/// An address as numbers of the graph instead of names, looked up once.
package struct Resolved: Sendable {
    /// The number of its name, or `IdentityResolver.unknown`.
    package var name: UInt32
    /// The number of its network's name, or `IdentityResolver.unknown`.
    package var network: UInt32
    /// The name whose edges apply to it: its own, otherwise its network's, otherwise `anyone`.
    package var asSubject: UInt32
    package var place: Identity.Place
    package var isNamed: Bool

    /// Whether the graph has its name and its network's.
    var hasNumbers: Bool {
        name != IdentityResolver.unknown && network != IdentityResolver.unknown
    }

    /// Whether it is a workload that has a name, or whose own name the baseline contains.
    package var isKnown: Bool {
        place == .inside && (isNamed || name != IdentityResolver.unknown && asSubject == name)
    }
}

/// Resolves addresses to the graph's numbers and caches the results.
package struct IdentityResolver: Sendable {
    package static let unknown = UInt32.max
    /// The greatest number of cached results.
    package static let cacheLimit = 65_536

    private var identities: IdentityMap
    private var cache: [IPAddress: Resolved] = [:]
    /// Results that were used lately, each at the place that its address has.
    private var recent = [Recent?](repeating: nil, count: 1 << recentBits)
    private static let recentBits = 10

    private struct Recent: Sendable {
        var address: IPAddress
        var resolved: Resolved
    }

    package init(identities: IdentityMap) { self.identities = identities }

    /// Applies changes reported by a container engine.
    package mutating func apply(_ change: WorkloadChange) {
        identities.apply(change)
        guard change.networks == nil else { return forget() }
        for address in change.holders.keys {
            cache[address] = nil
            recent[Self.place(of: address)] = nil
        }
    }

    package func identity(of address: IPAddress) -> Identity { identities.identity(of: address) }

    /// Whether an address is in a network that an inventory or an engine names.
    package func isInNetwork(_ address: IPAddress) -> Bool { identities.isInNetwork(address) }

    /// Whether two addresses have names of two different workloads.
    package func areNamedApart(_ one: IPAddress, _ other: IPAddress) -> Bool {
        let (one, other) = (identities.identity(of: one), identities.identity(of: other))
        return one.isNamed && other.isNamed && one.name != other.name
    }

    /// Drops all cached results: another graph has other numbers.
    package mutating func forget() {
        cache.removeAll()
        for place in recent.indices { recent[place] = nil }
    }

    private static func place(of address: IPAddress) -> Int {
        let mixed = (address.low ^ address.high) &* 0x9E37_79B9_7F4A_7C15
        return Int(mixed >> UInt64(UInt64.bitWidth - recentBits))
    }

    private mutating func remember(_ resolved: Resolved, of address: IPAddress) {
        if cache.count < Self.cacheLimit { cache[address] = resolved }
        recent[Self.place(of: address)] = Recent(address: address, resolved: resolved)
    }

    /// Returns the numbers of `address` in `graph`.
    package mutating func resolve(_ address: IPAddress, in graph: CommunicationGraph?) -> Resolved {
        let place = Self.place(of: address)
        if let known = recent[place], known.address == address { return known.resolved }
        if let known = cache[address] {
            recent[place] = Recent(address: address, resolved: known)
            return known
        }
        let identity = identities.identity(of: address)
        let name = graph?.index(of: identity.name) ?? Self.unknown
        let network =
            graph?.index(of: CommunicationGraph.networkName(identity.network)) ?? Self.unknown
        let isTrained = name != Self.unknown && graph?.subjects.contains(name) == true
        let isNetworkTrained = network != Self.unknown && graph?.subjects.contains(network) == true
        let resolved = Resolved(
            name: name, network: network,
            asSubject: isTrained ? name : isNetworkTrained ? network : CommunicationGraph.anyone,
            place: identity.place, isNamed: identity.isNamed)
        remember(resolved, of: address)
        return resolved
    }

    /// Returns the numbers of `address`, and adds it to the graph if it has none. A graph with too
    /// many names gives none.
    package mutating func learn(_ address: IPAddress, in graph: inout CommunicationGraph)
        -> Resolved
    {
        if let known = cache[address], known.name != Self.unknown { return known }
        let identity = identities.identity(of: address)
        let isAddress = identity.isMereAddress
        let name = graph.intern(identity.name, isAddress: isAddress)
        let network = graph.intern(
            CommunicationGraph.networkName(identity.network), isAddress: isAddress)
        let resolved = Resolved(
            name: name, network: network, asSubject: name, place: identity.place,
            isNamed: identity.isNamed)
        remember(resolved, of: address)
        return resolved
    }
}
