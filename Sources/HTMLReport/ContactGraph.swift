internal import FeatureExtraction

/// Initiators and responders of flows, by name: the contacts of a baseline and those of a capture.
public struct ContactGraph: Sendable {
    /// The greatest number of names; further addresses share one node.
    public static let nodeLimit = 8192
    /// The greatest number of ordered pairs; flows of further ones are counted in `droppedCount`.
    public static let pairLimit = 50_000
    /// The greatest number of services named for each pair; `hasMore` is set if there are others.
    public static let serviceLimit = 6

    public struct Node: Sendable {
        public var name: String
        /// The network of the node.
        public var network: String
        /// Whether it has a name in an inventory or a baseline.
        public var isNamed: Bool
    }

    public struct Pair: Hashable, Sendable {
        public var from: Int
        public var to: Int
    }

    /// The flows between a pair.
    public struct Contact: Sendable {
        /// The number of flows in the capture.
        public var flowCount = 0
        /// The number of those with a peer and service that are not in the baseline.
        public var newFlowCount = 0
        /// The services by name; those of new flows are listed separately.
        public var services: [String] = []
        public var newServices: [String] = []
        /// Whether there are further services that are not named.
        public var hasMore = false

        public var isNew: Bool { newFlowCount > 0 }
    }

    public private(set) var nodes: [Node] = []
    public private(set) var contacts: [Pair: Contact] = [:]
    public private(set) var droppedCount = 0
    private var indexOfName: [String: Int] = [:]
    private static let others = "others"

    public init() {}

    /// Returns the number of a name, and adds the name if it is unknown.
    public mutating func node(_ name: String, network: String, isNamed: Bool) -> Int {
        if let index = indexOfName[name] { return index }
        guard nodes.count < Self.nodeLimit || isNamed || name == Self.others else {
            return node(Self.others, network: Self.others, isNamed: false)
        }
        indexOfName[name] = nodes.count
        nodes.append(Node(name: name, network: network, isNamed: isNamed))
        return nodes.count - 1
    }

    /// The number of a name; nil if it is unknown.
    public func node(named name: String) -> Int? { indexOfName[name] }

    /// Adds a contact of the baseline.
    public mutating func know(_ from: Int, _ to: Int, service: String) {
        note(Pair(from: from, to: to)) { Self.add(service, to: &$0.services, &$0.hasMore) }
    }

    /// Adds one flow.
    public mutating func add(_ from: Int, _ to: Int, service: String, isNew: Bool) {
        note(Pair(from: from, to: to)) { contact in
            contact.flowCount += 1
            if isNew {
                contact.newFlowCount += 1
                Self.add(service, to: &contact.newServices, &contact.hasMore)
            } else {
                Self.add(service, to: &contact.services, &contact.hasMore)
            }
        }
    }

    private mutating func note(_ pair: Pair, _ change: (inout Contact) -> Void) {
        guard contacts[pair] != nil || contacts.count < Self.pairLimit else {
            droppedCount += 1
            return
        }
        change(&contacts[pair, default: Contact()])
    }

    private static func add(_ service: String, to list: inout [String], _ hasMore: inout Bool) {
        guard !list.contains(service) else { return }
        if list.count < serviceLimit { list.append(service) } else { hasMore = true }
    }

    /// Returns the graph with at most `limit` names, so it can be drawn: unnamed addresses become
    /// one node for each of their networks. Addresses with a single contact, such as the targets of
    /// a scan, are merged first; then those with the fewest contacts. Names in `kept` are merged
    /// last.
    public func gathered(limit: Int, keeping kept: Set<String>) -> ContactGraph {
        var degree = [Int](repeating: 0, count: nodes.count)
        for pair in contacts.keys {
            degree[pair.from] += 1
            degree[pair.to] += 1
        }
        func rank(_ index: Int) -> (Int, Int, String) {
            let node = nodes[index]
            let weight = (kept.contains(node.name) ? 2 : 0) + (node.isNamed ? 1 : 0)
            return (-weight, -degree[index], node.name)
        }
        let met = nodes.indices.filter { !isHardlyMet($0, degree) || kept.contains(nodes[$0].name) }
        let lone = Dictionary(
            grouping: Set(nodes.indices).subtracting(met), by: { nodes[$0].network }
        ).values.filter { $0.count <= 2 }.joined()
        return keeping(Set((met + lone).sorted { rank($0) < rank($1) }.prefix(limit)))
    }

    /// Returns the graph with one node in place of all these names.
    public func joining(_ names: Set<String>, as name: String) -> ContactGraph {
        guard names.contains(where: { indexOfName[$0] != nil }) else { return self }
        return renamed { node in
            names.contains(node.name) ? Node(name: name, network: name, isNamed: true) : node
        }
    }

    private func isHardlyMet(_ index: Int, _ degree: [Int]) -> Bool {
        !nodes[index].isNamed && degree[index] <= 1
    }

    /// Returns the graph with all nodes except these merged by network.
    private func keeping(_ stay: Set<Int>) -> ContactGraph {
        var members: [String: Int] = [:]
        for index in nodes.indices where !stay.contains(index) {
            members[nodes[index].network, default: 0] += 1
        }
        return renamed { node in
            guard let index = indexOfName[node.name], !stay.contains(index) else { return node }
            let count = members[node.network] ?? 0
            return Node(
                name: "\(count) other\(count == 1 ? "" : "s") in \(node.network)",
                network: node.network, isNamed: false)
        }
    }

    /// Returns the graph with other nodes; those of one name are one.
    private func renamed(_ change: (Node) -> Node) -> ContactGraph {
        var result = ContactGraph()
        let mapped = nodes.map { node in
            let new = change(node)
            return result.node(new.name, network: new.network, isNamed: new.isNamed)
        }
        for (pair, contact) in sortedContacts {
            let pair = Pair(from: mapped[pair.from], to: mapped[pair.to])
            result.note(pair) { $0.join(contact) }
        }
        result.droppedCount = droppedCount
        return result
    }

    /// All contacts, by the names of both ends.
    public var sortedContacts: [(pair: Pair, contact: Contact)] {
        contacts.map { (pair: $0.key, contact: $0.value) }.sorted {
            (nodes[$0.pair.from].name, nodes[$0.pair.to].name)
                < (nodes[$1.pair.from].name, nodes[$1.pair.to].name)
        }
    }
}

extension ContactGraph.Contact {
    fileprivate mutating func join(_ other: Self) {
        flowCount += other.flowCount
        newFlowCount += other.newFlowCount
        hasMore = hasMore || other.hasMore
        let limit = ContactGraph.serviceLimit
        for service in other.services where !services.contains(service) {
            if services.count < limit { services.append(service) } else { hasMore = true }
        }
        for service in other.newServices where !newServices.contains(service) {
            if newServices.count < limit { newServices.append(service) } else { hasMore = true }
        }
    }

    /// The services as text; `onlyNew` omits those in the baseline.
    func serviceText(onlyNew: Bool) -> String {
        let list = (onlyNew ? newServices : services + newServices)
        return list.joined(separator: ", ") + (hasMore ? " and more" : "")
    }
}
