internal import NetworkAddresses
internal import Nftables
internal import Quarantine

/// The tables, sets, chains and rules of a fence, described once.
///
/// Both the actuator's netlink messages and the script of `NftScript` are created from this
/// description, so that they cannot differ. It does not contain elements.
struct FirewallLayout: Sendable, Equatable {
    static let tableName = "lazaret"

    /// The installed actions: `drop` always, the others when first used, so that packets pass no
    /// unneeded rules.
    var actions: Set<QuarantineRule.Action>
    /// Whether ports are fenced; their sets and rules are installed when first used, too.
    var hasPorts: Bool
    var kept: [KeptService]
    /// Addresses whose neighbour discovery fenced targets need to reach kept services.
    var keptNeighbours: [IPAddress]
    var limitPacketsPerSecond: UInt64
    /// New connections per second that a protected target gets.
    var protectedConnectionsPerSecond: UInt64

    init(
        actions: Set<QuarantineRule.Action> = [.drop], hasPorts: Bool = false,
        kept: [KeptService] = [],
        keptNeighbours: [IPAddress] = [], limitPacketsPerSecond: UInt64 = 100,
        protectedConnectionsPerSecond: UInt64? = nil
    ) {
        self.actions = actions.union([.drop])
        self.hasPorts = hasPorts
        self.kept = kept
        self.keptNeighbours = kept.isEmpty ? [] : keptNeighbours
        self.limitPacketsPerSecond = limitPacketsPerSecond
        self.protectedConnectionsPerSecond =
            protectedConnectionsPerSecond ?? Self.standardProtectedConnections
    }

    /// For operators' rules, where the policy protects no targets.
    static let standardProtectedConnections: UInt64 = 100

    var tables: [Table] { Family.allCases.map { Table(family: $0, layout: self) } }

    /// The actions in their fixed order.
    var ordered: [QuarantineRule.Action] { QuarantineRule.Action.allCases.filter(actions.contains) }
}

extension FirewallLayout {
    /// The packets, or new connections, per second of each element; nil: without a limit.
    func rate(_ action: QuarantineRule.Action) -> UInt64? {
        switch action {
        case .limit: limitPacketsPerSecond
        case .protect: protectedConnectionsPerSecond
        case .drop, .egress, .observe: nil
        }
    }

    /// A fence needs both: one for routed and host traffic, one for traffic within a bridge.
    typealias Family = NftFamily

    /// The kind of a set's elements.
    ///
    /// Hosts are counted in sets of their own, `seen4` and `seen6`, to which the rules add a host
    /// when its first packet matches. A counter costs the kernel more than the rest of an
    /// element, and memory for each processor.
    enum Key: Sendable, CaseIterable {
        case host4, net4, host6, net6, link, seen4, seen6, port

        var isInterval: Bool { self == .net4 || self == .net6 }
        var isIPv4: Bool { self == .host4 || self == .net4 || self == .seen4 }
        /// Whether the rules fill the set instead of us.
        var isSeen: Bool { self == .seen4 || self == .seen6 }
        /// The set that counts the packets of a set's elements; nil: the elements themselves.
        var seen: Key? { self == .host4 ? .seen4 : self == .host6 ? .seen6 : nil }
        /// Bytes of one key.
        var length: Int { isIPv4 ? 4 : self == .link ? 6 : 16 }
        /// The number of the type in `nft` (its datatypes TYPE_IPADDR and so on).
        var typeNumber: UInt32 {
            switch self {
            case .host4, .net4, .seen4: 7
            case .host6, .net6, .seen6: 8
            case .link: 9
            case .port: 41
            }
        }
        var typeWord: String {
            switch self {
            case .host4, .net4, .seen4: "ipv4_addr"
            case .host6, .net6, .seen6: "ipv6_addr"
            case .link: "ether_addr"
            case .port: "ifname"
            }
        }
        var suffix: String {
            switch self {
            case .host4: "host4"
            case .net4: "net4"
            case .host6: "host6"
            case .net6: "net6"
            case .link: "link"
            case .seen4: "seen4"
            case .seen6: "seen6"
            case .port: "port"
            }
        }

        /// The kind of set for `target`.
        init(_ target: QuarantineTarget) {
            guard let prefix = target.prefix else {
                if case .port = target { self = .port } else { self = .link }
                return
            }
            self =
                prefix.address.isIPv4
                ? (prefix.isHost ? .host4 : .net4) : (prefix.isHost ? .host6 : .net6)
        }
    }

    struct SetSpec: Sendable, Hashable {
        var action: QuarantineRule.Action
        var key: Key
        /// Packets per second of each element, for `limit` and `protect`.
        var rate: UInt64?
        var name: String { Self.name(action, key) }
        /// Whether the elements have a counter.
        var isCounting: Bool { !key.isSeen && key.seen == nil }

        static func name(_ action: QuarantineRule.Action, _ key: Key) -> String {
            action.rawValue + "_" + key.suffix
        }
    }

    struct Chain: Sendable {
        var name: String
        /// Nil: rules of other chains jump to it.
        var base: Base?
        var rules: [Rule]

        struct Base: Sendable {
            var hook: Hook
            var priority: Int32
        }
    }

    /// A hook, by its number in the kernel.
    enum Hook: UInt32, Sendable {
        case prerouting = 0
        case output = 3
        case postrouting = 4

        var word: String {
            switch self {
            case .prerouting: "prerouting"
            case .output: "output"
            case .postrouting: "postrouting"
            }
        }
    }

    struct Table: Sendable {
        var family: Family
        var sets: [SetSpec]
        var chains: [Chain]

        init(family: Family, layout: FirewallLayout) {
            self.family = family
            sets = layout.ordered.flatMap { action in
                Key.allCases.filter { key in
                    switch key {
                    case .link: Self.holdsLinks(family, action)
                    case .port: layout.hasPorts && Self.holdsPorts(action)
                    default: true
                    }
                }.map {
                    SetSpec(
                        action: action, key: $0,
                        rate: $0.isSeen ? nil : layout.rate(action))
                }
            }
            chains =
                layout.countingChains(family)
                + (family == .inet ? layout.inetChains : layout.bridgeChains)
        }

        /// Only frames have a MAC address, and `egress` on one is applied as `drop`.
        static func holdsLinks(_ family: Family, _ action: QuarantineRule.Action) -> Bool {
            family == .bridge && holdsPorts(action)
        }

        /// `egress` and `protect` need addresses.
        static func holdsPorts(_ action: QuarantineRule.Action) -> Bool {
            action != .egress && action != .protect
        }
    }
}
