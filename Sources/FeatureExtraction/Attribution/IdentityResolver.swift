import NetworkAddresses
import Workloads

/// An address as the graph knows it: numbers instead of names, looked up once.
struct Resolved: Sendable {
    /// Number of its name, or `IdentityResolver.unknown`.
    var name: UInt32
    /// Number of its network's name, or `IdentityResolver.unknown`.
    var network: UInt32
    /// Whose edges count for it: its own name's, else its network's, else everybody's.
    var asSubject: UInt32
    var place: Identity.Place
    var isNamed: Bool

    /// A workload that has a name, or that the baseline has seen as itself.
    var isKnown: Bool {
        place == .inside && (isNamed || name != IdentityResolver.unknown && asSubject == name)
    }
}

/// Resolves addresses to the graph's numbers and keeps the answers.
struct IdentityResolver: Sendable {
    static let unknown = UInt32.max
    /// Answers kept; outside addresses need none.
    static let cacheLimit = 65_536

    private var identities: IdentityMap
    private var cache: [IPAddress: Resolved] = [:]

    init(identities: IdentityMap) { self.identities = identities }

    /// Applies changes reported by a container engine.
    mutating func apply(_ change: WorkloadChange) {
        identities.apply(change)
        guard change.networks == nil else { return forget() }
        for address in change.holders.keys { cache[address] = nil }
    }

    func identity(of address: IPAddress) -> Identity { identities.identity(of: address) }

    /// Drops every answer: another graph has other numbers.
    mutating func forget() { cache.removeAll() }

    /// The numbers of `address` in `graph`.
    mutating func resolve(_ address: IPAddress, in graph: CommunicationGraph?) -> Resolved {
        if let known = cache[address] { return known }
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
        if cache.count < Self.cacheLimit { cache[address] = resolved }
        return resolved
    }

    /// The numbers of `address`, given to it now if it has none.
    mutating func learn(_ address: IPAddress, in graph: inout CommunicationGraph) -> Resolved {
        if let known = cache[address], known.name != Self.unknown { return known }
        let identity = identities.identity(of: address)
        let name = graph.intern(identity.name)
        let network = graph.intern(CommunicationGraph.networkName(identity.network))
        let resolved = Resolved(
            name: name, network: network, asSubject: name, place: identity.place,
            isNamed: identity.isNamed)
        if cache.count < Self.cacheLimit { cache[address] = resolved }
        return resolved
    }
}
