public import AnomalyModel
public import BaselineGraph
public import NetworkAddresses
public import Workloads

/// What the contacts of a baseline allow: each workload may open the flows that it opened in clean
/// traffic, and nothing else may open flows to it or be opened by it.
public struct ContactPolicy: Sendable {
    /// One end of contacts.
    public enum End: Hashable, Sendable {
        /// A workload, or another named host.
        case workload(String)
        /// A host of a container network that has no name.
        case address(IPAddress)
        /// The node itself, at its address in this network.
        case gateway(String)
        /// All hosts outside that have no name.
        case outside
    }

    /// A contact that is allowed.
    public struct Rule: Hashable, Sendable {
        public var from: End
        public var to: End
        public var service: Service
    }

    /// In order of their ends and services.
    public let rules: [Rule]
    /// The workloads, and hosts without a name, whose flows are restricted: those of the container
    /// networks that the baseline contains.
    public let governed: [End]
    /// The outside addresses that may be contacted, in order; nil: all.
    public let outsideAddresses: [IPAddress]?
    /// The identifier of the model.
    public let modelID: String
    public let inventory: Inventory
    /// Contacts of the baseline that are left out.
    public let leftOut: [String]
    /// Workloads that are not restricted, because the baseline has no contact of them.
    private let unrestricted: [String]
    /// What the policy leaves out.
    public var remarks: [String] { leftOut + unrestricted }

    private let allowed: Set<Rule>
    private let isGoverned: Set<End>
    /// The ends to which each end opens flows.
    private let peers: [End: Set<End>]
    private let isAllowedOutside: Set<IPAddress>

    /// The greatest number of outside addresses that are allowed one by one.
    public static let outsideLimit = 4096

    /// The policy that a model's contacts are.
    ///
    /// - Parameters:
    ///   - inventory: names of workloads; nil: those stored in the model.
    ///   - allowsAnyOutside: whether a workload that contacted outside addresses with a service may
    ///     contact all of them with it, instead of those that the baseline contains.
    /// - Throws: `.noContacts`, or `.manyOutsideAddresses` if more than `outsideLimit` would have
    ///   to be listed.
    public init(
        of model: Model, inventory given: Inventory?, allowsAnyOutside: Bool
    ) throws(PolicyError) {
        try self.init(
            edges: model.graph.namedEdges, outside: model.graph.outsideAddresses.keys.sorted(),
            modelID: model.identifier, inventory: given ?? model.provenance.inventory,
            allowsAnyOutside: allowsAnyOutside)
    }

    /// The policy of these contacts, each by the names of its ends and its service.
    package init(
        edges: [(subject: String, peer: String, service: Service)], outside: [IPAddress],
        modelID: String, inventory: Inventory, allowsAnyOutside: Bool
    ) throws(PolicyError) {
        let ends = EndReader(inventory: inventory)
        var rules: Set<Rule> = []
        var leftOut: Set<String> = []
        for edge in edges {
            guard let from = ends.end(edge.subject) else {
                leftOut.insert(EndReader.remark(edge.subject))
                continue
            }
            guard let to = ends.end(edge.peer) else {
                leftOut.insert(EndReader.remark(edge.peer))
                continue
            }
            rules.insert(Rule(from: from, to: to, service: edge.service))
        }
        let governed = Set(rules.flatMap { [$0.from, $0.to] }).filter(ends.isGoverned)
        guard !governed.isEmpty else { throw .noContacts }
        let unknown = Set(inventory.workloads.map(\.name)).filter { name in
            !governed.contains(.workload(name)) && ends.isGoverned(.workload(name))
        }
        let outside = Set(outside).filter(ends.isOutside).sorted()
        let leavesNode = rules.contains { $0.to == .outside }
        if !allowsAnyOutside, leavesNode, outside.count > Self.outsideLimit {
            throw .manyOutsideAddresses(outside.count)
        }
        self.rules = rules.sorted()
        self.governed = governed.sorted()
        outsideAddresses = allowsAnyOutside ? nil : outside
        self.modelID = modelID
        self.inventory = inventory
        self.leftOut = leftOut.sorted()
        unrestricted = unknown.sorted().map { name in
            "\(name): the baseline has no contact of it; it is not restricted, and others may not "
                + "contact it"
        }
        allowed = rules
        isGoverned = governed
        peers = rules.reduce(into: [:]) { $0[$1.from, default: []].insert($1.to) }
        isAllowedOutside = Set(outside)
    }

    /// Whether a contact is allowed, and which ends restrict it.
    public enum Verdict: Equatable, Sendable {
        case allowed
        /// Neither end is restricted, or the node itself or a group of hosts is one of them.
        case ungoverned
        /// Egress of the source, ingress of the destination, or both forbid it.
        case blocked(from: End, to: End, isEgress: Bool, isIngress: Bool)
    }

    /// Judges a flow that the first host opens to the second.
    ///
    /// What the node itself sends is not restricted, and neither is what goes to groups of hosts.
    ///
    /// - Parameter ofAll: whether the flow is judged whoever opens it, unless both ends are
    ///   outside.
    package func verdict(
        from source: Identity, at address: IPAddress, to destination: Identity,
        at target: IPAddress, _ service: Service, ofAll: Bool = false
    ) -> Verdict {
        guard let from = End(source, address), let to = End(destination, target) else {
            return .ungoverned
        }
        if case .gateway = from, !ofAll { return .ungoverned }
        let isEgress = source.place == .inside && isGoverned.contains(from)
        let isIngress = destination.place == .inside && isGoverned.contains(to)
        guard isEgress || isIngress || ofAll && (from != .outside || to != .outside) else {
            return .ungoverned
        }
        let isKnown = allowed.contains(Rule(from: from, to: to, service: service))
        if isKnown, to != .outside || outsideAddresses == nil || isAllowedOutside.contains(target) {
            return .allowed
        }
        return .blocked(from: from, to: to, isEgress: isEgress, isIngress: isIngress)
    }

    /// Whether the first end opens flows to the second, with any service.
    package func hasContact(_ from: End, _ to: End) -> Bool { peers[from]?.contains(to) == true }

    /// Whether a contact is in the baseline; outside, with other addresses perhaps.
    package func allows(_ from: End, _ to: End, _ service: Service) -> Bool {
        allowed.contains(Rule(from: from, to: to, service: service))
    }

    /// The formats that forbid a contact which the policy blocks: none but nft expresses all of it.
    ///
    /// - Parameters:
    ///   - isEgress: whether the egress of `from` forbids it.
    ///   - isIngress: whether the ingress of `to` forbids it.
    public func formats(
        blocking service: Service, from: End, to: End, isEgress: Bool, isIngress: Bool
    ) -> [PolicyFormat] {
        func isNamed(_ end: End) -> Bool {
            if case .workload = end { isGoverned.contains(end) } else { false }
        }
        return PolicyFormat.allCases.filter { format in
            switch format {
            case .nft: return true
            // NetworkPolicies select named pods, have no ICMP, and allow what a pod and its own
            // node exchange.
            case .kubernetes:
                if case .gateway = to { return false }
                return service.hasPorts && (isEgress && isNamed(from) || isIngress && isNamed(to))
            // Networks have neither ports nor directions.
            case .compose:
                let ends = [from, to]
                return from != to && ends.contains(where: isNamed)
                    && ends.allSatisfy { $0 == .outside || isNamed($0) }
                    && !hasContact(from, to) && !hasContact(to, from)
            }
        }
    }
}

/// A program for which a policy can be written.
public enum PolicyFormat: String, CaseIterable, Sendable {
    case kubernetes, compose, nft
}

/// Why no policy can be made of a model.
public enum PolicyError: Error, Equatable, Sendable, CustomStringConvertible {
    case noContacts
    case noNames
    case manyOutsideAddresses(Int)
    case manyPairs(limit: Int)
    case manyServices(Int, limit: Int)
    case severalProjects([String])
    case noSuchProject(String)
    case sameName(String, String, String)

    public var description: String {
        switch self {
        case .noContacts:
            "the model has no contact of a workload of this inventory; nothing can be restricted"
        case .noNames:
            """
            the model names no workload, and only names can be selected; train it with \
            --inventory, or write --format nft
            """
        case .manyOutsideAddresses(let count):
            """
            the model contains \(count) outside addresses, and at most \
            \(ContactPolicy.outsideLimit) are listed one by one; --outside any allows all
            """
        case .manyPairs(let limit):
            "the contacts are more than \(limit) pairs of addresses; name prefixes in the inventory"
        case .manyServices(let count, let limit):
            "the baseline has \(count) services; networks can be made for at most \(limit)"
        case .severalProjects(let names):
            "the workloads are of several projects (\(names.joined(separator: ", "))); name one "
                + "with --project"
        case .noSuchProject(let name): "no workload of the baseline is of the project '\(name)'"
        case .sameName(let first, let second, let name):
            "'\(first)' and '\(second)' would both be called '\(name)'; rename one in the inventory"
        }
    }
}
