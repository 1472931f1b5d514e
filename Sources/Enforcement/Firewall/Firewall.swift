internal import CNetfilter
internal import Glibc
public import NetworkAddresses
internal import Nftables
public import Quarantine

/// Choices of the actuator.
public struct FirewallOptions: Sendable {
    /// Do everything but the last call to the kernel.
    public var isDryRun = false
    /// What no fence may cover: the last check before the kernel.
    public var protected = ProtectedSet()
    /// What fenced targets may still reach.
    public var kept: [KeptService] = []
    /// Gateways whose neighbour discovery is needed to reach what is kept.
    public var keptNeighbours: [IPAddress] = []
    /// Packets a second that the `limit` response lets through.
    public var limitPacketsPerSecond: UInt64 = 100
    /// Whether connection tracking entries of what is fenced are deleted.
    public var flushesConnections = false

    public init() {}
}

/// Puts fences into the kernel's firewall: tables `inet lazaret` and `bridge lazaret`, nothing
/// else.
///
/// Works on the network namespace that the creating thread was in. Each call is one netlink
/// transaction. It keeps in mind which prefixes are fenced, because a kernel set holds them cut
/// into pieces that do not overlap; hosts and MAC addresses need no memory.
public struct Firewall: FenceActuator, ~Copyable, Sendable {
    public var options: FirewallOptions
    var socket: NetlinkSocket
    var sequence: UInt32 = 0
    var responses: Set<FenceResponse> = []
    /// Fenced prefixes that are not hosts.
    var networks: [NetworkGroup: [IPPrefix: Int64]] = [:]
    private let updatesInPlace: Bool

    struct NetworkGroup: Hashable {
        var response: FenceResponse
        var key: FenceLayout.Key
    }

    /// Opens the kernel's firewall; changes nothing.
    public init(_ options: FirewallOptions = FirewallOptions()) throws(QuarantineError) {
        self.options = options
        do { socket = try NetlinkSocket(family: NETLINK_NETFILTER) } catch {
            throw QuarantineError(error)
        }
        updatesInPlace = Self.kernelUpdatesTimeouts
    }

    public var isDryRun: Bool { options.isDryRun }

    /// The socket's name in netlink events: whoever hears of a change can tell ours.
    public var port: UInt32 { socket.port }

    func layout(_ responses: Set<FenceResponse>) -> FenceLayout {
        FenceLayout(
            responses: responses, kept: options.kept, keptNeighbours: options.keptNeighbours,
            limitPacketsPerSecond: options.limitPacketsPerSecond)
    }

    /// Since Linux 6.12, adding a present element with another timeout moves its end.
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

    /// Makes tables, chains and rules if they are missing; elements that are there stay.
    public mutating func install() throws(QuarantineError) {
        var batch = begin()
        layout(responses).write(to: &batch)
        try commit(&batch, "install the fence")
        responses = layout(responses).responses
    }

    public mutating func rebuild(_ claims: [FenceClaim], now: Int64) throws(QuarantineError) {
        for claim in claims { try check(claim) }
        let wanted = expected(claims, now: now)
        var batch = begin(reserving: wanted.count * 96)
        let layout = layout(Set(claims.map(\.response)))
        FenceLayout.writeRemoval(to: &batch)
        layout.write(to: &batch)
        add(wanted, now: now, to: &batch)
        try commit(&batch, "rebuild the fence")
        responses = layout.responses
        remember(claims, now: now)
    }

    public mutating func adopt(_ claims: [FenceClaim], now: Int64) throws(QuarantineError) {
        responses.formUnion(claims.map(\.response))
        try install()
        remember(claims, now: now)
    }

    public func expected(_ claims: [FenceClaim], now: Int64) -> [FenceClaim] {
        let alive = claims.filter { $0.until > now }
        var result = alive.filter(\.target.isSingle)
        for index in result.indices {
            result[index].response = result[index].response.applied(to: result[index].target)
        }
        for (group, ends) in Self.grouped(alive) {
            result += Self.pieces(ends).map {
                FenceClaim(target: .prefix($0.prefix), response: group.response, until: $0.until)
            }
        }
        return result
    }

    public mutating func apply(
        _ changes: [FenceChange], now: Int64
    ) throws(QuarantineError) {
        guard !changes.isEmpty else { return }
        var batch = begin(reserving: changes.count * 256)
        var wanted = responses
        for case .put(let claim) in changes {
            try check(claim)
            wanted.insert(claim.response)
        }
        // The first of its kind: its sets and rules come in the same transaction.
        if wanted != responses || responses.isEmpty { layout(wanted).write(to: &batch) }
        let plan = plan(changes, now: now)
        // Adding first makes a removal succeed whether or not the kernel still has the element.
        write(plan.removals, isRemoval: false, to: &batch)
        write(plan.removals, isRemoval: true, to: &batch)
        write(plan.additions, isRemoval: false, to: &batch)
        try commit(&batch, "change the fence")
        responses = layout(wanted).responses
        networks = plan.networks
        if options.flushesConnections, !options.isDryRun {
            try flushConnections(changes)
        }
    }

    public mutating func remove() throws(QuarantineError) {
        var batch = begin()
        FenceLayout.writeRemoval(to: &batch)
        try commit(&batch, "remove the fence")
        responses = []
        networks = [:]
    }

    private func check(_ claim: FenceClaim) throws(QuarantineError) {
        if !claim.isForced, let why = options.protected.objection(to: claim.target) {
            throw .protected(claim.target, why: why)
        }
    }

    private mutating func remember(_ claims: [FenceClaim], now: Int64) {
        networks = Self.grouped(claims.filter { $0.until > now })
    }
}

extension Firewall {
    typealias Elements = [FenceLayout.SetSpec: [FenceElementWriter.Element]]

    /// What a change means for the kernel's sets.
    struct Plan {
        var removals: Elements = [:]
        var additions: Elements = [:]
        var networks: [NetworkGroup: [IPPrefix: Int64]] = [:]
    }

    static func grouped(_ claims: [FenceClaim]) -> [NetworkGroup: [IPPrefix: Int64]] {
        var groups: [NetworkGroup: [IPPrefix: Int64]] = [:]
        for claim in claims {
            guard let prefix = claim.target.prefix, !prefix.isHost else { continue }
            let group = NetworkGroup(response: claim.response, key: FenceLayout.Key(claim.target))
            groups[group, default: [:]][prefix, default: claim.until] = max(
                claim.until, groups[group]?[prefix] ?? claim.until)
        }
        return groups
    }

    static func pieces(_ ends: [IPPrefix: Int64]) -> [FencePieces.Piece] {
        FencePieces.flatten(ends.map { .init(prefix: $0.key, until: $0.value) })
    }

    func plan(_ changes: [FenceChange], now: Int64) -> Plan {
        var plan = Plan(networks: networks)
        var touched: [NetworkGroup: [IPPrefix]] = [:]
        for change in changes {
            let (target, response, claim): (FenceTarget, FenceResponse, FenceClaim?) =
                switch change {
                case .put(let claim): (claim.target, claim.response, claim)
                case .remove(let target, let response): (target, response, nil)
                }
            let set = set(response, target)
            if let prefix = target.prefix, !prefix.isHost {
                let group = NetworkGroup(response: response, key: set.key)
                plan.networks[group, default: [:]][prefix] = claim?.until
                touched[group, default: []].append(prefix)
            } else if let claim {
                let element = element(target, until: claim.until, now: now)
                if !updatesInPlace { plan.removals[set, default: []].append(element) }
                plan.additions[set, default: []].append(element)
            } else {
                plan.additions[set]?.removeAll { $0.target == target }
                plan.removals[set, default: []].append(
                    .init(target: target, timeoutMilliseconds: 1))
            }
        }
        for (group, prefixes) in touched { cut(group, prefixes, now: now, &plan) }
        return plan
    }

    /// Works out which pieces of a prefix set change; only what overlaps the change is looked at.
    private func cut(
        _ group: NetworkGroup, _ prefixes: [IPPrefix], now: Int64, _ plan: inout Plan
    ) {
        plan.networks[group] = plan.networks[group]?.filter { $0.value > now }
        func near(_ ends: [IPPrefix: Int64]) -> [IPPrefix: Int64] {
            let roots = ends.keys.filter { key in prefixes.contains { $0.overlaps(key) } }
            return ends.filter { entry in
                roots.contains { $0.contains(entry.key) }
            }
        }
        let before = Self.pieces(near((networks[group] ?? [:]).filter { $0.value > now }))
        let after = Self.pieces(near(plan.networks[group] ?? [:]))
        let set = FenceLayout.SetSpec(
            response: group.response, key: group.key, rate: rate(group.response))
        let kept = Set(before).intersection(after)
        plan.removals[set, default: []] += before.filter { !kept.contains($0) }.map {
            element(.prefix($0.prefix), until: $0.until, now: now)
        }
        plan.additions[set, default: []] += after.filter { !kept.contains($0) }.map {
            element(.prefix($0.prefix), until: $0.until, now: now)
        }
    }

    private func rate(_ response: FenceResponse) -> UInt64? {
        response == .limit ? options.limitPacketsPerSecond : nil
    }

    private func set(_ response: FenceResponse, _ target: FenceTarget) -> FenceLayout.SetSpec {
        let response = response.applied(to: target)
        return FenceLayout.SetSpec(
            response: response, key: FenceLayout.Key(target), rate: rate(response))
    }

    private func element(
        _ target: FenceTarget, until: Int64, now: Int64
    ) -> FenceElementWriter.Element {
        .init(target: target, timeoutMilliseconds: UInt64(max(1, (until - now) / 1_000_000)))
    }

    func add(_ claims: [FenceClaim], now: Int64, to batch: inout NetlinkWriter) {
        var elements: Elements = [:]
        for claim in claims {
            elements[set(claim.response, claim.target), default: []].append(
                element(claim.target, until: claim.until, now: now))
        }
        write(elements, isRemoval: false, to: &batch)
    }

    func write(_ elements: Elements, isRemoval: Bool, to batch: inout NetlinkWriter) {
        for (set, elements) in elements where !elements.isEmpty {
            FenceElementWriter.write(
                elements, to: set,
                families: set.key == .link ? [.bridge] : FenceLayout.Family.allCases,
                isRemoval: isRemoval, batch: &batch)
        }
    }
}
