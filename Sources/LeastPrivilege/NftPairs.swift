import BaselineGraph
import NetworkAddresses
import TextFormats

/// A policy as a script for `nft -f`: sets of allowed pairs in two tables of their own.
///
/// The inet table judges what the node forwards and receives, by connection tracking. The bridge
/// table judges frames between containers of one bridge, which not every kernel tracks: there, the
/// packets that open a flow are judged, and of UDP and SCTP also answers, by their source port.
public struct NftPairs {
    /// The name of both tables.
    public static let tableName = "lazaret_policy"
    /// The greatest number of elements of all sets.
    public static let elementLimit = 200_000

    private typealias Line = (comment: String, elements: [String])

    private let policy: ContactPolicy
    private let addresses: PolicyAddresses
    /// The elements of each set by its name, with the contact that they allow.
    private var sets: [String: [Line]] = [:]
    private var count = 0
    private var remarks: [String] = []

    /// - Throws: `.manyPairs` if the contacts are more than `elementLimit` pairs of addresses.
    public static func render(_ policy: ContactPolicy) throws(PolicyError) -> PolicyText {
        var writer = NftPairs(policy)
        for rule in policy.rules { try writer.add(rule) }
        return PolicyText(text: writer.text, remarks: writer.remarks)
    }

    private init(_ policy: ContactPolicy) {
        self.policy = policy
        addresses = PolicyAddresses(policy.inventory)
    }

    // MARK: - Elements

    private mutating func add(_ rule: ContactPolicy.Rule) throws(PolicyError) {
        let isFromOutside = rule.from == .outside
        let isToAny = rule.to == .outside && policy.outsideAddresses == nil
        let from = addresses.prefixes(of: rule.from)
        let to =
            rule.to == .outside
            ? (policy.outsideAddresses ?? []).map { IPPrefix(host: $0) }
            : addresses.prefixes(of: rule.to)
        for (end, prefixes) in [(rule.from, from), (rule.to, to)]
        where prefixes.isEmpty && end != .outside {
            let remark = "\(end): the inventory has no address of it; its contacts are left out"
            if !remarks.contains(remark) { remarks.append(remark) }
            return
        }
        // What the node itself sends is not judged.
        if case .gateway = rule.from { return }
        let kind = rule.service.hasPorts ? "" : "_protocols"
        for (family, isIPv4) in [("4", true), ("6", false)] {
            func own(_ prefixes: [IPPrefix]) -> [IPPrefix] {
                prefixes.filter { $0.address.isIPv4 == isIPv4 }
            }
            switch (isFromOutside, isToAny) {
            case (true, true): break
            case (true, false): try add("from_outside" + kind + family, rule, own(to).map(\.text))
            case (false, true): try add("to_outside" + kind + family, rule, own(from).map(\.text))
            case (false, false):
                let (from, to) = (own(from), own(to))
                try reserve(from.count * to.count)
                let pairs = from.flatMap { one in to.map { "\(one.text) . \($0.text)" } }
                try add("pairs" + kind + family, rule, pairs)
            }
        }
    }

    private func reserve(_ more: Int) throws(PolicyError) {
        guard count + more <= Self.elementLimit else {
            throw .manyPairs(limit: Self.elementLimit)
        }
    }

    private mutating func add(
        _ set: String, _ rule: ContactPolicy.Rule, _ ends: [String]
    ) throws(PolicyError) {
        guard !ends.isEmpty else { return }
        try reserve(ends.count)
        count += ends.count
        let service = rule.service
        let word =
            switch service.ipProtocol {
            case 6: "tcp"
            case 17: "udp"
            case 132: "sctp"
            case 1: "icmp"
            case 58: "ipv6-icmp"
            default: "\(service.ipProtocol)"
            }
        let tail = service.hasPorts ? "\(word) . \(service.portText)" : word
        sets[set, default: []].append(("\(rule)".asComment, ends.map { "\($0) . \(tail)" }))
    }

    // MARK: - Text

    private var text: String {
        """
        #!/usr/sbin/nft -f
        # The contacts in the baseline of model \(policy.modelID), written by
        # 'lazaret policy export'. Other new flows to and from these workloads are dropped; what
        # the node itself sends is not.
        # Check:  nft -c -f FILE
        # Load:   nft -f FILE     (again to replace it; connections that are open stay open)
        # Undo:   nft delete table inet \(Self.tableName); nft delete table bridge \(Self.tableName)

        """ + table("inet", inetChains) + table("bridge", bridgeChains)
    }

    private func table(_ family: String, _ chains: String) -> String {
        let name = "\(family) \(Self.tableName)"
        var text = "\ntable \(name)\ndelete table \(name)\ntable \(name) {\n"
        let governed = policy.governed.flatMap { addresses.insidePrefixes(of: $0) }
        for (suffix, isIPv4) in [("4", true), ("6", false)] {
            let type = isIPv4 ? "ipv4_addr" : "ipv6_addr"
            func plain(_ name: String, _ prefixes: [IPPrefix]) -> String {
                let own = PolicyAddresses.outermost(prefixes).filter { $0.address.isIPv4 == isIPv4 }
                return set(name + suffix, type, own.isEmpty ? [] : [("", own.map(\.text))])
            }
            text += plain("workloads", governed)
            text += plain("known", addresses.known)
            text += plain("groups", addresses.groups)
            for (kind, tail) in [("", "inet_proto . inet_service"), ("_protocols", "inet_proto")] {
                for (name, key) in [
                    ("pairs", "\(type) . \(type)"), ("from_outside", type), ("to_outside", type),
                ] {
                    let full = name + kind + suffix
                    text += set(full, "\(key) . \(tail)", sets[full] ?? [])
                }
            }
        }
        return text + chains + "}\n"
    }

    private func set(_ name: String, _ type: String, _ lines: [Line]) -> String {
        var text = "\tset \(name) {\n\t\ttype \(type)\n\t\tflags interval\n"
        if !lines.isEmpty {
            text += "\t\telements = {\n"
            for line in lines {
                if !line.comment.isEmpty { text += "\t\t\t# \(line.comment)\n" }
                text += line.elements.map { "\t\t\t\($0),\n" }.joined()
            }
            text += "\t\t}\n"
        }
        return text + "\t}\n"
    }

    /// The rules that accept what the sets contain.
    ///
    /// - Parameter isAnswer: whether they accept the answers instead, by their source.
    private func accepting(isAnswer: Bool = false) -> [String] {
        let (from, to, port) =
            isAnswer ? ("daddr", "saddr", "th sport") : ("saddr", "daddr", "th dport")
        // Answers of protocols without ports cannot be told from requests.
        let kinds = isAnswer ? [""] : ["", "_protocols"]
        return [("ip", "4"), ("ip6", "6")].flatMap { ip, family in
            kinds.flatMap { kind in
                let service = kind.isEmpty ? "meta l4proto . \(port)" : "meta l4proto"
                return [
                    "\(ip) \(from) . \(ip) \(to) . \(service) @pairs\(kind)\(family) accept",
                    "\(ip) \(from) != @known\(family) \(ip) \(to) . \(service) "
                        + "@from_outside\(kind)\(family) accept",
                    "\(ip) \(to) != @known\(family) \(ip) \(from) . \(service) "
                        + "@to_outside\(kind)\(family) accept",
                ]
            }
        }
    }

    /// Groups of hosts, and neighbour discovery, which never comes from afar (RFC 4861).
    private static let local = [
        "ip daddr @groups4 accept", "ip6 daddr @groups6 accept",
        "icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, "
            + "nd-neighbor-advert, nd-redirect } ip6 hoplimit 255 accept",
    ]

    private static let dropping = ["ip", "ip6"].flatMap { ip in
        ["saddr", "daddr"].map { end in
            "\(ip) \(end) @workloads\(ip == "ip" ? "4" : "6") counter drop"
        }
    }

    private var inetChains: String {
        chain("contacts", ["ct state established,related accept"] + Self.local + accepting())
            + hook("forward", Self.dropping)
            + hook("input", Self.dropping.filter { $0.contains("saddr") })
    }

    private var bridgeChains: String {
        // Packets that open no flow, as the baseline counts them, and later fragments, which
        // have no ports: the first one is judged.
        let answers = [
            "ip frag-off & 0x1fff != 0 accept", "frag frag-off != 0 accept",
            "meta l4proto tcp tcp flags & (syn | ack) != syn accept",
            "icmp type { 0, 3, 4, 5, 11, 12, 14, 16, 18 } accept",
            "meta l4proto ipv6-icmp icmpv6 type != echo-request accept",
        ]
        return chain(
            "contacts",
            answers + Self.local + accepting()
                + accepting(isAnswer: true).map { "meta l4proto { udp, sctp } \($0)" })
            + hook("forward", Self.dropping)
    }

    private func chain(_ name: String, _ rules: [String]) -> String {
        "\tchain \(name) {\n" + rules.map { "\t\t\($0)\n" }.joined() + "\t}\n"
    }

    private func hook(_ name: String, _ rules: [String]) -> String {
        chain(
            name,
            ["type filter hook \(name) priority filter; policy accept;", "jump contacts"] + rules)
    }
}

extension IPPrefix {
    /// As an element of a set with intervals.
    fileprivate var text: String { "\(self)" }
}
