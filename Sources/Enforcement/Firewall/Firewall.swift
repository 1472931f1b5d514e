internal import CNetfilter
internal import Glibc
public import NetworkAddresses
internal import Nftables
internal import NodeInterfaces
import ProtectedAddresses
public import Quarantine
public import Timestamps

/// The options of the actuator.
public struct FirewallOptions: Sendable {
    /// Whether the last call to the kernel is omitted.
    public var isDryRun = false
    /// The services that fenced targets may still reach.
    public var kept: [KeptService] = []
    /// Gateways whose neighbour discovery is needed to reach kept services.
    public var keptNeighbours: [IPAddress] = []
    /// Packets per second that the `limit` action allows.
    public var limitPacketsPerSecond: UInt64 = 100
    /// New connections per second that the `protect` action allows; nil: the standard.
    public var protectedConnectionsPerSecond: UInt64?
    /// Whether the connection tracking entries of fenced targets are deleted.
    public var flushesConnections = false

    public init() {}

    /// Applies the policy's options.
    mutating func follow(_ options: QuarantinePolicyOptions, flushesConnections: Bool) {
        kept = options.kept
        limitPacketsPerSecond = options.limitPacketsPerSecond
        protectedConnectionsPerSecond = options.protectedConnectionsPerSecond
        self.flushesConnections = flushesConnections
    }
}

/// Adds fences to the kernel's firewall, in the tables `inet lazaret` and `bridge lazaret` only.
///
/// Works on the network namespace of the thread that created it. Each call is one netlink
/// transaction. It remembers the fenced prefixes, because a kernel set contains them split into
/// pieces that do not overlap; hosts and MAC addresses need no such memory.
public struct Firewall: QuarantineActuator, ~Copyable, Sendable {
    public var options: FirewallOptions
    var socket: NetlinkSocket
    private var interfaces: InterfaceList
    var sequence: UInt32 = 0
    var actions: Set<QuarantineRule.Action> = []
    /// Whether the sets and rules for ports are installed.
    var hasPorts = false
    /// Fenced prefixes that are not hosts.
    var networks: [NetworkGroup: [IPPrefix: Timestamp]] = [:]
    private let updatesInPlace: Bool

    struct NetworkGroup: Hashable {
        var action: QuarantineRule.Action
        var key: FirewallLayout.Key
    }

    /// Opens the kernel's firewall without changing it.
    public init(_ options: FirewallOptions = FirewallOptions()) throws(QuarantineError) {
        // Both exist before either is consumed: a partly initialized value could not be destroyed.
        let firewall = try Self.openFirewall()
        let list = try Self.openInterfaces()
        self.options = options
        socket = firewall
        interfaces = list
        updatesInPlace = Self.kernelUpdatesTimeouts
    }

    private static func openFirewall() throws(QuarantineError) -> NetlinkSocket {
        do { return try NetlinkSocket(family: NETLINK_NETFILTER) } catch {
            throw QuarantineError(error)
        }
    }

    private static func openInterfaces() throws(QuarantineError) -> InterfaceList {
        do { return try InterfaceList() } catch { throw QuarantineError(error) }
    }

    public var isDryRun: Bool { options.isDryRun }

    public mutating func portInstances() throws(QuarantineError) -> [String: String] {
        do throws(InterfaceError) {
            return Dictionary(
                try interfaces.interfaces().map { ($0.name, $0.instance) },
                uniquingKeysWith: { $1 })
        } catch { throw QuarantineError(error) }
    }

    /// The socket's port number in netlink events, by which readers recognize our own changes.
    public var port: UInt32 { socket.port }

    func layout(_ actions: Set<QuarantineRule.Action>, withPorts: Bool = false) -> FirewallLayout {
        FirewallLayout(
            actions: actions, hasPorts: hasPorts || withPorts, kept: options.kept,
            keptNeighbours: options.keptNeighbours,
            limitPacketsPerSecond: options.limitPacketsPerSecond,
            protectedConnectionsPerSecond: options.protectedConnectionsPerSecond)
    }

    /// Since Linux 6.12, adding an existing element with another timeout changes its expiry.
    private static var kernelUpdatesTimeouts: Bool {
        var name = utsname()
        guard unsafe uname(&name) == 0 else { return false }
        let release = unsafe withUnsafeBytes(of: &name.release) { raw in
            unsafe String(decoding: raw.prefix { $0 != 0 }, as: UTF8.self)
        }
        let parts = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        guard parts.count == 2 else { return false }
        return (parts[0], parts[1]) >= (6, 12)
    }

    /// Creates tables, chains and rules if they are missing; existing elements stay.
    public mutating func install() throws(QuarantineError) {
        var batch = begin()
        layout(actions).write(to: &batch)
        try commit(&batch, "install the fence")
        actions = layout(actions).actions
    }

    public mutating func rebuild(
        _ rules: [QuarantineRule], protecting protected: ProtectedSet = ProtectedSet(),
        now: Timestamp
    ) throws(QuarantineError) {
        for rule in rules { try check(rule, protected) }
        let wanted = expected(rules, now: now)
        hasPorts = rules.contains { $0.target.isPort }
        var batch = begin(reserving: wanted.count * 96)
        let layout = layout(Set(rules.map(\.action)))
        FirewallLayout.writeRemoval(to: &batch)
        layout.write(to: &batch)
        add(wanted, now: now, to: &batch)
        try commit(&batch, "rebuild the fence")
        actions = layout.actions
        remember(rules, now: now)
    }

    public mutating func adopt(_ rules: [QuarantineRule], now: Timestamp) throws(QuarantineError) {
        actions.formUnion(rules.map(\.action))
        if rules.contains(where: { $0.target.isPort }) { hasPorts = true }
        try install()
        remember(rules, now: now)
    }

    public func expected(
        _ rules: [QuarantineRule], now: Timestamp
    ) -> [QuarantineRule.Key: Timestamp] {
        Self.laidOut(rules.lazy.filter { $0.expires > now })
    }

    /// The elements for `rules`, each with its expiry: networks are split into prefixes that do not
    /// overlap.
    static func laidOut(_ rules: some Sequence<QuarantineRule>) -> [QuarantineRule.Key: Timestamp] {
        var ends: [QuarantineRule.Key: Timestamp] = [:]
        ends.reserveCapacity(rules.underestimatedCount)
        for rule in rules where rule.target.isSingle {
            ends[rule.key] = max(rule.expires, ends[rule.key] ?? rule.expires)
        }
        for (group, prefixes) in grouped(rules) {
            for piece in pieces(prefixes) {
                ends[.init(target: .prefix(piece.prefix), action: group.action)] = piece.expires
            }
        }
        return ends
    }

    public mutating func apply(
        _ changes: [FirewallChange], protecting protected: ProtectedSet = ProtectedSet(),
        now: Timestamp
    ) throws(QuarantineError) {
        guard !changes.isEmpty else { return }
        var batch = begin(reserving: changes.count * 256)
        var wanted = actions
        let withPorts = changes.contains { $0.key.target.isPort }
        for case .put(let rule) in changes {
            try check(rule, protected)
            wanted.insert(rule.action)
        }
        // The first element of its kind: its sets and rules are installed in the same transaction.
        let layout = layout(wanted, withPorts: withPorts)
        if wanted != actions || actions.isEmpty || layout.hasPorts != hasPorts {
            layout.write(to: &batch)
        }
        let plan = plan(changes, now: now)
        // Adding an element first lets its removal succeed even if the kernel no longer has it.
        write(plan.removals, isRemoval: false, to: &batch)
        write(plan.removals, isRemoval: true, to: &batch)
        write(plan.additions, isRemoval: false, to: &batch)
        try commit(&batch, "change the fence")
        actions = layout.actions
        hasPorts = layout.hasPorts
        networks = plan.networks
        if options.flushesConnections, !options.isDryRun {
            try flushConnections(changes)
        }
    }

    public mutating func remove() throws(QuarantineError) {
        var batch = begin()
        FirewallLayout.writeRemoval(to: &batch)
        try commit(&batch, "remove the fence")
        actions = []
        hasPorts = false
        networks = [:]
    }

    private func check(_ rule: QuarantineRule, _ protected: ProtectedSet) throws(QuarantineError) {
        let why =
            rule.isForced
            ? ProtectedSet.finalObjection(to: rule.target) : protected.objection(to: rule.target)
        if let why { throw .protected(rule.target, why: why) }
    }

    private mutating func remember(_ rules: [QuarantineRule], now: Timestamp) {
        networks = Self.grouped(rules.lazy.filter { $0.expires > now })
    }
}

extension Firewall {
    typealias Elements = [FirewallLayout.SetSpec: [ElementWriter.Element]]

    /// The changes of the kernel's sets.
    struct Plan {
        var removals: Elements = [:]
        var additions: Elements = [:]
        var networks: [NetworkGroup: [IPPrefix: Timestamp]] = [:]
    }

    private static func grouped(
        _ rules: some Sequence<QuarantineRule>
    ) -> [NetworkGroup: [IPPrefix: Timestamp]] {
        var groups: [NetworkGroup: [IPPrefix: Timestamp]] = [:]
        for rule in rules {
            guard let prefix = rule.target.prefix, !prefix.isHost else { continue }
            let group = NetworkGroup(action: rule.action, key: FirewallLayout.Key(rule.target))
            groups[group, default: [:]][prefix, default: rule.expires] = max(
                rule.expires, groups[group]?[prefix] ?? rule.expires)
        }
        return groups
    }

    static func pieces(_ ends: [IPPrefix: Timestamp]) -> [PrefixPieces.Piece] {
        PrefixPieces.flatten(ends.map { .init(prefix: $0.key, expires: $0.value) })
    }

    func plan(_ changes: [FirewallChange], now: Timestamp) -> Plan {
        var plan = Plan(networks: networks)
        var touched: [NetworkGroup: [IPPrefix]] = [:]
        for change in changes {
            let key = change.key
            let set = set(key)
            if let prefix = key.target.prefix, !prefix.isHost {
                let group = NetworkGroup(action: key.action, key: set.key)
                var expires: Timestamp?
                if case .put(let rule) = change { expires = rule.expires }
                plan.networks[group, default: [:]][prefix] = expires
                touched[group, default: []].append(prefix)
            } else if case .put(let rule) = change {
                let element = element(key.target, expires: rule.expires, now: now)
                if !updatesInPlace { plan.removals[set, default: []].append(element) }
                plan.additions[set, default: []].append(element)
            } else {
                plan.additions[set]?.removeAll { $0.target == key.target }
                plan.removals[set, default: []].append(
                    .init(target: key.target, timeoutMilliseconds: 1))
            }
        }
        for (group, prefixes) in touched { cut(group, prefixes, now: now, &plan) }
        return plan
    }

    /// Determines which pieces of a prefix set change, from the prefixes that overlap the change.
    private func cut(
        _ group: NetworkGroup, _ prefixes: [IPPrefix], now: Timestamp, _ plan: inout Plan
    ) {
        plan.networks[group] = plan.networks[group]?.filter { $0.value > now }
        func near(_ ends: [IPPrefix: Timestamp]) -> [IPPrefix: Timestamp] {
            let roots = ends.keys.filter { key in prefixes.contains { $0.overlaps(key) } }
            return ends.filter { entry in
                roots.contains { $0.contains(entry.key) }
            }
        }
        let before = Self.pieces(near((networks[group] ?? [:]).filter { $0.value > now }))
        let after = Self.pieces(near(plan.networks[group] ?? [:]))
        let set = FirewallLayout.SetSpec(
            action: group.action, key: group.key, rate: rate(group.action))
        let kept = Set(before).intersection(after)
        plan.removals[set, default: []] += before.filter { !kept.contains($0) }.map {
            element(.prefix($0.prefix), expires: $0.expires, now: now)
        }
        plan.additions[set, default: []] += after.filter { !kept.contains($0) }.map {
            element(.prefix($0.prefix), expires: $0.expires, now: now)
        }
    }

    private func rate(_ action: QuarantineRule.Action) -> UInt64? {
        layout([]).rate(action)
    }

    private func set(_ key: QuarantineRule.Key) -> FirewallLayout.SetSpec {
        FirewallLayout.SetSpec(
            action: key.action, key: FirewallLayout.Key(key.target), rate: rate(key.action))
    }

    private func element(
        _ target: QuarantineTarget, expires: Timestamp, now: Timestamp
    ) -> ElementWriter.Element {
        .init(
            target: target, timeoutMilliseconds: UInt64(max(1, (expires - now).wholeMilliseconds)))
    }

    func add(
        _ ends: [QuarantineRule.Key: Timestamp], now: Timestamp, to batch: inout NetlinkWriter
    ) {
        var elements: Elements = [:]
        for (key, expires) in ends {
            elements[set(key), default: []].append(
                element(key.target, expires: expires, now: now))
        }
        write(elements, isRemoval: false, to: &batch)
    }

    func write(_ elements: Elements, isRemoval: Bool, to batch: inout NetlinkWriter) {
        for (set, elements) in elements where !elements.isEmpty {
            ElementWriter.write(
                elements, to: set,
                families: set.key == .link ? [.bridge] : FirewallLayout.Family.allCases,
                isRemoval: isRemoval, batch: &batch)
        }
    }
}
