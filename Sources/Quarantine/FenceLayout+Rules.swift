internal import NetworkAddresses

extension FenceLayout {
    /// One rule, as text for `nft` and as the kernel's expressions.
    struct Rule: Sendable, Equatable {
        var text: String
        var expressions: [Expression]

        static func + (left: Rule, right: Rule) -> Rule {
            Rule(
                text: left.text + " " + right.text,
                expressions: left.expressions + right.expressions)
        }
    }

    /// The kernel's expressions that the rules use; all of them work on register 1.
    enum Expression: Sendable, Equatable {
        /// Loads a packet's meta value.
        case meta(Meta)
        case payload(Base, offset: UInt32, length: UInt32)
        case mask([UInt8])
        case equals([UInt8])
        case lookup(set: String)
        case trackedDirection
        case verdict(Verdict)

        enum Meta: Sendable { case etherType, family, transport }
        enum Base: UInt32, Sendable { case link = 0, network = 1, transport = 2 }
        enum Verdict: Sendable { case drop, goOn }
    }

    /// Before connection tracking (-200) and `raw` (-300), so that nobody's accept comes first.
    private static let early: Int32 = -310
    /// After connection tracking, before address translation.
    private static let tracked: Int32 = -150

    var inetChains: [Chain] {
        let ends = [End.source, .destination]
        let kept = keptRules(.inet) + keptNeighbourRules(.inet)
        var chains = [
            Chain(
                name: "prerouting", hook: .prerouting, priority: Self.early,
                rules: kept + stateless(.inet, ends: ends)),
            Chain(
                name: "output", hook: .output, priority: Self.early,
                rules: kept + stateless(.inet, ends: ends)),
            // Translated destinations are seen here only: published ports and replies.
            Chain(
                name: "postrouting", hook: .postrouting, priority: Self.early,
                rules: kept + drops(.inet, ends: [.destination])),
        ]
        guard responses.contains(.egress) else { return chains }
        chains.append(
            Chain(
                name: "prerouting_tracked", hook: .prerouting, priority: Self.tracked,
                rules: keptRules(.inet) + tracked(.reply, end: .source)))
        chains.append(
            Chain(
                name: "postrouting_tracked", hook: .postrouting, priority: Self.tracked,
                rules: keptRules(.inet) + tracked(.original, end: .destination)))
        return chains
    }

    var bridgeChains: [Chain] {
        let ends = [End.source, .destination]
        let links = ends.map { Rule.link($0, set: SetSpec.name(.drop, .link)) }
        return [
            Chain(
                name: "prerouting", hook: .prerouting, priority: Self.early,
                rules: links + keptRules(.bridge) + keptNeighbourRules(.bridge)
                    + arpRules
                    + stateless(.bridge, ends: ends) + connectionless),
            Chain(
                name: "output", hook: .output, priority: Self.early,
                rules: [links[1]]),
        ]
    }

    enum End: Sendable { case source, destination }

    private func sets(_ response: FenceResponse, ends: [End]) -> [(Key, End)] {
        guard responses.contains(response) else { return [] }
        return [Key.host4, .net4, .host6, .net6].flatMap { key in ends.map { (key, $0) } }
    }

    private func drops(_ family: Family, ends: [End]) -> [Rule] {
        sets(.drop, ends: ends).map { key, end in
            Rule.address(family, key, end, set: SetSpec.name(.drop, key)) + .drop
        }
    }

    /// What needs no connection tracking: drop, limit, observe.
    private func stateless(_ family: Family, ends: [End]) -> [Rule] {
        drops(family, ends: ends)
            // The set's own `limit rate over` decides whether an element matches.
            + sets(.limit, ends: ends).map { key, end in
                Rule.address(family, key, end, set: SetSpec.name(.limit, key)) + .drop
            }
            + sets(.observe, ends: ends).map { key, end in
                Rule.address(family, key, end, set: SetSpec.name(.observe, key))
            }
    }

    private func tracked(_ direction: Rule.Direction, end: End) -> [Rule] {
        sets(.egress, ends: [end]).map { key, end in
            Rule.tracked(direction)
                + .address(.inet, key, end, set: SetSpec.name(.egress, key)) + .drop
        }
    }

    /// Egress on a bridge, which tracks no connections: what opens one is told by its flags.
    private var connectionless: [Rule] {
        sets(.egress, ends: [.destination]).flatMap { key, _ in
            let set = SetSpec.name(.egress, key)
            let to = Rule.address(.bridge, key, .destination, set: set, typed: true) + .drop
            let from = Rule.address(.bridge, key, .source, set: set, typed: true) + .drop
            return [
                Rule.opening(key, answer: false) + to, Rule.opening(key, answer: true) + from,
                Rule.echoRequest(key) + to,
            ]
        }
    }

    private var arpRules: [Rule] {
        [Key.host4, .net4].flatMap { key in
            [End.source, .destination].map {
                Rule.arp($0) + .member(SetSpec.name(.drop, key)) + .drop
            }
        }
    }

    private func keptRules(_ family: Family) -> [Rule] {
        kept.flatMap { service in
            [End.destination, .source].map { Rule.service(service, family, $0) + .goOn }
        }
    }

    private func keptNeighbourRules(_ family: Family) -> [Rule] {
        guard !kept.isEmpty else { return [] }
        // ARP is not seen in the inet family, IPv6 neighbour discovery is.
        let addresses = Set(keptNeighbours + kept.map(\.address))
            .filter { family == .bridge || !$0.isIPv4 }
        return addresses.sorted().flatMap { Self.keptNeighbour($0, family) }
    }

    private static func keptNeighbour(_ address: IPAddress, _ family: Family) -> [Rule] {
        let ends = [End.destination, .source]
        guard !address.isIPv4 else {
            return ends.map { Rule.arp($0) + .equals(address) + .goOn }
        }
        var rules: [Rule] = []
        for type: UInt8 in [135, 136] {
            for end in ends {
                rules.append(Rule.discovery(type, family) + .address(address, end) + .goOn)
            }
            rules.append(Rule.discovery(type, family) + .discoveryTarget(address) + .goOn)
        }
        return rules
    }
}
