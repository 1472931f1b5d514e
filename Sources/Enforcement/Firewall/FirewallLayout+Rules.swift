internal import NetworkAddresses
internal import Nftables
internal import Quarantine

extension FirewallLayout {
    /// A rule, as text for `nft` and as the kernel's expressions.
    struct Rule: Sendable, Equatable {
        var text: String
        var expressions: [Expression]

        static func + (left: Rule, right: Rule) -> Rule {
            Rule(
                text: left.text + " " + right.text,
                expressions: left.expressions + right.expressions)
        }
    }

    /// The kernel's expressions in the rules; all of them use register 1.
    enum Expression: Sendable, Equatable {
        /// Loads a packet's meta value.
        case meta(Meta)
        case payload(Base, offset: UInt32, length: UInt32)
        case mask([UInt8])
        case equals([UInt8])
        case differs([UInt8])
        case lookup(set: String)
        /// Adds register 1 to a set, with a counter; an existing element is counted.
        case count(set: String)
        case trackedDirection
        case trackedState
        case verdict(Verdict)

        enum Meta: Sendable { case etherType, family, transport, inputName, outputName }
        enum Base: UInt32, Sendable { case link = 0, network = 1, transport = 2 }
        enum Verdict: Sendable, Equatable { case drop, goOn, jump(String) }
    }

    /// Before connection tracking (-200) and `raw` (-300), so that no other chain accepts packets
    /// first.
    private static let early: Int32 = -310
    /// After connection tracking, before address translation.
    private static let tracked: Int32 = -150

    var inetChains: [Chain] {
        let ends = [End.source, .destination]
        let kept = keptRules(.inet) + keptNeighbourRules(.inet)
        var chains = [
            Chain(
                name: "prerouting", base: .init(hook: .prerouting, priority: Self.early),
                rules: ports(.source) + kept + stateless(.inet, ends: ends)),
            Chain(
                name: "output", base: .init(hook: .output, priority: Self.early),
                rules: kept + stateless(.inet, ends: ends)),
            // Only this hook sees translated destinations, which are those of published ports and
            // replies.
            Chain(
                name: "postrouting", base: .init(hook: .postrouting, priority: Self.early),
                rules: ports(.destination) + kept + drops(.inet, ends: [.destination])
                    + protection(.inet)),
        ]
        guard actions.contains(.egress) else { return chains }
        chains.append(
            Chain(
                name: "prerouting_tracked", base: .init(hook: .prerouting, priority: Self.tracked),
                rules: keptRules(.inet) + tracked(.reply, end: .source)))
        chains.append(
            Chain(
                name: "postrouting_tracked",
                base: .init(hook: .postrouting, priority: Self.tracked),
                rules: keptRules(.inet) + tracked(.original, end: .destination)))
        return chains
    }

    var bridgeChains: [Chain] {
        let ends = [End.source, .destination]
        let chains = [
            Chain(
                name: "prerouting", base: .init(hook: .prerouting, priority: Self.early),
                rules: ports(.source) + links(ends) + keptRules(.bridge)
                    + keptNeighbourRules(.bridge)
                    + arpRules
                    + stateless(.bridge, ends: ends) + connectionless + protection(.bridge)),
            Chain(
                name: "output", base: .init(hook: .output, priority: Self.early),
                rules: links([.destination])),
        ]
        guard hasPorts else { return chains }
        // Both forwarded packets and the node's own leave here.
        return chains + [
            Chain(
                name: "postrouting", base: .init(hook: .postrouting, priority: Self.early),
                rules: ports(.destination))
        ]
    }

    /// Ports, whatever addresses their frames bear. A fenced port may not even reach the addresses
    /// that stay reachable. The inet table matches ports that have no bridge.
    private func ports(_ end: End) -> [Rule] {
        guard hasPorts else { return [] }
        return ordered.filter { Table.holdsPorts($0) }.map { action in
            let rule = Rule.port(end, set: SetSpec.name(action, .port))
            return action == .observe ? rule : rule + .drop
        }
    }

    /// The rules on MAC addresses. A dropped one may not even reach kept services.
    private func links(_ ends: [End]) -> [Rule] {
        ordered.filter { Table.holdsLinks(.bridge, $0) }.flatMap { action in
            ends.map { end in
                let rule = Rule.link(end, set: SetSpec.name(action, .link))
                return action == .observe ? rule : rule + .drop
            }
        }
    }

    enum End: String, Sendable { case source, destination }

    /// Chains that count a host's packet and drop it.
    ///
    /// If counting fails because the set is full, the rest of its rule is skipped, so the verdict
    /// is a rule of its own.
    func countingChains(_ family: Family) -> [Chain] {
        var chains: [Chain] = []
        for action in ordered where action != .observe {
            for key in [Key.host4, .host6] {
                for end in [End.source, .destination] {
                    chains.append(
                        Chain(
                            name: Self.chain(action, key, end),
                            rules: [.count(family, key, end, action), .drop]))
                }
            }
        }
        guard family == .bridge else { return chains }
        return chains
            + [End.source, .destination].map {
                Chain(
                    name: Self.arpChain($0),
                    rules: [
                        .arp($0, count: SetSpec.name(.drop, .seen4)), .drop,
                    ])
            }
    }

    private static func chain(_ action: QuarantineRule.Action, _ key: Key, _ end: End) -> String {
        "\(action.rawValue)_\(end.rawValue)\(key.isIPv4 ? "4" : "6")"
    }

    private static func arpChain(_ end: End) -> String { "drop_arp_\(end.rawValue)" }

    /// The end of a rule that drops; a host's packet is counted first.
    private func dropping(_ action: QuarantineRule.Action, _ key: Key, _ end: End) -> Rule {
        key.seen == nil ? .drop : .jump(Self.chain(action, key, end))
    }

    private func sets(_ action: QuarantineRule.Action, ends: [End]) -> [(Key, End)] {
        guard actions.contains(action) else { return [] }
        return [Key.host4, .net4, .host6, .net6].flatMap { key in ends.map { (key, $0) } }
    }

    private func drops(_ family: Family, ends: [End]) -> [Rule] {
        sets(.drop, ends: ends).map { key, end in
            Rule.address(family, key, end, set: SetSpec.name(.drop, key))
                + dropping(.drop, key, end)
        }
    }

    /// The rules that need no connection tracking: drop, limit, observe.
    private func stateless(_ family: Family, ends: [End]) -> [Rule] {
        drops(family, ends: ends)
            // The set's own `limit rate over` determines whether an element matches.
            + sets(.limit, ends: ends).map { key, end in
                Rule.address(family, key, end, set: SetSpec.name(.limit, key))
                    + dropping(.limit, key, end)
            }
            + sets(.observe, ends: ends).map { key, end in
                let rule = Rule.address(family, key, end, set: SetSpec.name(.observe, key))
                return key.seen == nil
                    ? rule : rule + .count(family, key, end, .observe, typed: true)
            }
    }

    /// New connections to protected targets above their rate. Destinations are translated, and each
    /// packet passes once: a bridged one its bridge, a routed one where it leaves the node.
    private func protection(_ family: Family) -> [Rule] {
        sets(.protect, ends: [.destination]).flatMap { key, end in
            let towards =
                Rule.address(
                    family, key, end, set: SetSpec.name(.protect, key), typed: true)
                + dropping(.protect, key, end)
            let opening = Rule.opening(key, answer: false, family) + towards
            // Only the inet family tracks connections. A TCP connection from before the tracking
            // looks new, so it is judged by its flags.
            return family == .bridge ? [opening] : [opening, Rule.newConnection(key) + towards]
        }
    }

    private func tracked(_ direction: Rule.Direction, end: End) -> [Rule] {
        sets(.egress, ends: [end]).map { key, end in
            Rule.tracked(direction)
                + .address(.inet, key, end, set: SetSpec.name(.egress, key))
                + dropping(.egress, key, end)
        }
    }

    /// Egress on a bridge, which does not track connections: the packet's flags show whether it
    /// opens one.
    private var connectionless: [Rule] {
        sets(.egress, ends: [.destination]).flatMap { key, _ in
            let set = SetSpec.name(.egress, key)
            let to =
                Rule.address(.bridge, key, .destination, set: set, typed: true)
                + dropping(.egress, key, .destination)
            let from =
                Rule.address(.bridge, key, .source, set: set, typed: true)
                + dropping(.egress, key, .source)
            return [
                Rule.opening(key, answer: false) + to, Rule.opening(key, answer: true) + from,
                Rule.echoRequest(key) + to,
            ]
        }
    }

    private var arpRules: [Rule] {
        [Key.host4, .net4].flatMap { key in
            [End.source, .destination].map {
                Rule.arp($0) + .member(SetSpec.name(.drop, key))
                    + (key.seen == nil ? .drop : .jump(Self.arpChain($0)))
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
        // The inet family does not see ARP, but sees IPv6 neighbour discovery.
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
