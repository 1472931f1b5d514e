public import NetworkAddresses
internal import Synchronization
public import Timestamps

/// A container network as its engine describes it.
public struct ContainerNetwork: Sendable, Equatable {
    public var name: String
    public var prefixes: [IPPrefix]
    public var gateways: [IPAddress]
    /// The bridge on this node that connects its containers; nil if there is none.
    public var bridge: String?

    public init(
        name: String, prefixes: [IPPrefix], gateways: [IPAddress] = [], bridge: String? = nil
    ) {
        self.name = name
        self.prefixes = prefixes
        self.gateways = gateways
        self.bridge = bridge
    }
}

/// Changes since the last query.
public struct WorkloadChange: Sendable {
    /// By address: its current owner, or nil if the address is free.
    public var holders: [IPAddress: Inventory.Holder?] = [:]
    /// By address: the time of the change; an address without an entry always had this owner.
    public var times: [IPAddress: Timestamp] = [:]
    /// All networks, if one was added or removed.
    public var networks: [Inventory.Network]?
    /// The bridges to watch, if one was added or removed.
    public var bridges: [String]?

    public init() {}

    /// The MAC address of the current owner of `address`, if known.
    public func mac(of address: IPAddress) -> MACAddress? {
        holders[address].flatMap { $0 }?.mac
    }

    public var isEmpty: Bool { holders.isEmpty && networks == nil && bridges == nil }
}

/// The owners of addresses, current and recent, as the engines on this node report them. Every
/// source of names writes here, and every part of a monitor reads from here.
///
/// Safe to use from any thread. Memory is proportional to the running containers; ended leases are
/// kept for fifteen minutes.
public final class WorkloadDirectory: Sendable {
    /// The greatest number of networks that one source may report.
    static let networkLimit = 4096

    private struct State {
        var leases = LeaseTable()
        var networks: [String: [ContainerNetwork]] = [:]
        /// Addresses that do not belong to containers: services and nodes of a cluster.
        var fixed: [String: [IPAddress: Inventory.Holder]] = [:]
        /// Addresses that must never be fenced, with their reasons.
        var protected: [String: [IPAddress: String]] = [:]
        var states: [String: SourceState] = [:]
        var change = WorkloadChange()
        /// When each workload was first seen, for workloads that have a lease.
        var firstSeen: [String: Timestamp] = [:]
        var pruned = Timestamp.epoch
    }

    /// The state of a source.
    public enum SourceState: Sendable, Equatable {
        /// No server listens on the socket.
        case absent
        case connected
        /// The source was connected and is not now, with the reason.
        case lost(String)
    }

    private let state = Mutex(State())
    private let news = Atomic<Int>(0)

    public init() {}

    // MARK: - What sources write

    /// Replaces the containers of a source; containers that are not listed end at `time`.
    ///
    /// - Parameter time: time of the query; containers that started later are kept.
    func replaceAll(
        _ source: String, _ leases: [(address: IPAddress, lease: Lease)],
        containers: Set<String>, at time: Timestamp
    ) {
        write(at: time) { state in
            let prefix = Self.key(source, "")
            let gone = state.leases.lives.filter {
                $0.key.hasPrefix(prefix) && $0.value.ended == nil
                    && !containers.contains(String($0.key.dropFirst(prefix.count)))
            }
            for id in gone.keys {
                let isYounger = gone[id]?.addresses.contains {
                    state.leases.current($0).map { $0.container.id == id && $0.since > time }
                        ?? false
                }
                guard isYounger != true else { continue }
                note(state.leases.end(id, at: time), at: time, &state)
            }
            begin(source, leases, &state)
        }
    }

    /// Records containers that have addresses.
    func begin(_ source: String, _ leases: [(address: IPAddress, lease: Lease)]) {
        write(at: leases.map(\.lease.since).max() ?? .epoch) { begin(source, leases, &$0) }
    }

    /// Ends the leases of a container that has ended, or that has left one network.
    func end(_ source: String, container: String, network: String? = nil, at time: Timestamp) {
        write(at: time) { state in
            note(
                state.leases.end(Self.key(source, container), network: network, at: time), at: time,
                &state)
        }
    }

    func setNetworks(_ source: String, _ networks: [ContainerNetwork]) {
        write(at: .epoch) { state in
            let networks = Array(networks.prefix(Self.networkLimit))
            guard state.networks[source] ?? [] != networks else { return }
            state.networks[source] = networks
            state.change.networks = Self.networks(state)
            state.change.bridges = Self.bridges(state)
        }
    }

    /// Sets the addresses that do not belong to containers, and those of them that must never be
    /// fenced.
    func setFixed(
        _ source: String, _ fixed: [IPAddress: Inventory.Holder], protected: [IPAddress: String]
    ) {
        write(at: .epoch) { state in
            let before = state.fixed[source] ?? [:]
            state.fixed[source] = fixed
            state.protected[source] = protected
            let touched = Set(before.keys).union(fixed.keys).filter { before[$0] != fixed[$0] }
            note(Array(touched), at: .epoch, &state)
        }
    }

    func setState(_ source: String, _ value: SourceState) {
        state.withLock { $0.states[source] = value }
    }

    /// A container that has or recently had an address; nil for any other.
    func container(_ id: String, of source: String) -> Container? {
        state.withLock { state in
            let key = Self.key(source, id)
            for address in state.leases.lives[key]?.addresses ?? [] {
                let lease = state.leases.leases[address]?.last { $0.container.id == key }
                guard var container = lease?.container else { continue }
                container.id = id
                return container
            }
            return nil
        }
    }

    /// The addresses that a container has now.
    func addresses(of id: String, _ source: String) -> Set<IPAddress> {
        state.withLock { state in
            let key = Self.key(source, id)
            return (state.leases.lives[key]?.addresses ?? []).filter {
                state.leases.current($0)?.container.id == key
            }
        }
    }

    private func write(at time: Timestamp, _ body: (inout State) -> Void) {
        let hasNews = state.withLock { state in
            body(&state)
            if time - .seconds(10) > state.pruned {
                state.pruned = time
                state.leases.prune(now: time)
                let names = Set(state.leases.leases.values.joined().map(\.container.workload))
                state.firstSeen = state.firstSeen.filter { names.contains($0.key) }
            }
            return !state.change.isEmpty
        }
        if hasNews { news.add(1, ordering: .releasing) }
    }

    private func begin(
        _ source: String, _ leases: [(address: IPAddress, lease: Lease)],
        _ state: inout State
    ) {
        for (address, lease) in leases {
            var lease = lease
            lease.container.id = Self.key(source, lease.container.id)
            guard state.leases.begin(address, lease) else { continue }
            note([address], at: lease.since, &state)
            let name = lease.container.workload
            state.firstSeen[name] = min(state.firstSeen[name] ?? .distantFuture, lease.since)
        }
    }

    private func note(_ addresses: [IPAddress], at time: Timestamp, _ state: inout State) {
        for address in addresses {
            state.change.times[address] = time
            state.change.holders[address] = .some(Self.holder(of: address, state))
        }
    }

    private static func key(_ source: String, _ id: String) -> String { "\(source) \(id)" }

    // MARK: - What others read

    /// A number that grows with every change; cheap enough to be read for every packet.
    public var version: Int { news.load(ordering: .acquiring) }

    /// Returns the changes since the last call and clears them, so there can be one reader only.
    public func takeChange() -> WorkloadChange {
        state.withLock { state in
            defer { state.change = WorkloadChange() }
            return state.change
        }
    }

    /// Returns the whole current state as one change, for a reader that starts without one. Where
    /// no source is available, returns the pending changes.
    public func takeAll() -> WorkloadChange {
        guard isLive else { return takeChange() }
        return state.withLock { state in
            state.change = WorkloadChange()
            var all = WorkloadChange()
            for address in state.leases.leases.keys {
                all.holders[address] = .some(Self.holder(of: address, state))
            }
            for (address, holder) in state.fixed.values.joined()
            where all.holders[address] == nil {
                all.holders[address] = .some(holder)
            }
            all.networks = Self.networks(state)
            all.bridges = Self.bridges(state)
            return all
        }
    }

    /// The owner of `address` at `time`; nil if the owner is unknown or its lease was forgotten.
    public func lease(of address: IPAddress, at time: Timestamp) -> Lease? {
        state.withLock { state in
            var lease = state.leases.lease(of: address, at: time)
            if let id = lease?.container.id { lease?.container.id = Self.bare(id) }
            return lease
        }
    }

    /// An identifier without its source, which may contain spaces.
    static func bare(_ key: String) -> String {
        key.lastIndex(of: " ").map { String(key[key.index(after: $0)...]) } ?? key
    }

    /// The holder of an address that belongs to no container, such as a service's.
    package func fixedHolder(of address: IPAddress) -> Inventory.Holder? {
        state.withLock { state in state.fixed.values.lazy.compactMap { $0[address] }.first }
    }

    /// The current inventory.
    public func inventory() -> Inventory {
        state.withLock { state in
            var holders: [IPAddress: Inventory.Holder] = [:]
            for address in state.leases.leases.keys {
                holders[address] = Self.holder(of: address, state)
            }
            for fixed in state.fixed.values { holders.merge(fixed) { mine, _ in mine } }
            return Inventory(holders: holders, networks: Self.networks(state))
        }
    }

    /// The containers that have addresses, by name.
    public func leases() -> [(address: IPAddress, lease: Lease)] {
        state.withLock { state in
            state.leases.leases.compactMap { address, _ in
                state.leases.current(address).map { (address, $0) }
            }
        }.sorted { ($0.1.container.workload, $0.0) < ($1.1.container.workload, $1.0) }
    }

    /// The leases of all containers that have or recently had an address, with the identifiers of
    /// the engine.
    package func recentLeases() -> [(address: IPAddress, lease: Lease)] {
        state.withLock { state in
            state.leases.leases.flatMap { address, leases in
                leases.map { lease in
                    var lease = lease
                    lease.container.id = Self.bare(lease.container.id)
                    return (address, lease)
                }
            }
        }
    }

    /// The addresses, other than gateways, that must never be fenced, with their reasons.
    public func protected() -> [IPAddress: String] {
        state.withLock { state in
            state.protected.values.reduce(into: [:]) { $0.merge($1) { mine, _ in mine } }
        }
    }

    /// When each workload was first seen.
    public func firstSeen() -> [String: Timestamp] { state.withLock { $0.firstSeen } }

    public func networks() -> [ContainerNetwork] {
        state.withLock { state in
            state.networks.sorted { $0.key < $1.key }.flatMap(\.value)
        }
    }

    /// The bridges of container networks.
    public func bridges() -> [String] { state.withLock { Self.bridges($0) } }

    /// The number of addresses, leases and containers in the table, and of entries refused because
    /// it was full.
    public func size() -> (addresses: Int, leases: Int, containers: Int, refused: Int) {
        state.withLock { state in
            (
                state.leases.leases.count, state.leases.leases.values.reduce(0) { $0 + $1.count },
                state.leases.lives.count, state.leases.refused
            )
        }
    }

    /// The state of each source, by name.
    public func states() -> [(source: String, state: SourceState)] {
        state.withLock { $0.states.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
    }

    /// Whether any source is available or was before.
    public var isLive: Bool {
        state.withLock { state in
            state.states.values.contains { $0 != .absent } || !state.networks.isEmpty
        }
    }

    /// The sources of names and their states as text, for an operator.
    public var source: String {
        let words = states().compactMap { source, state -> String? in
            switch state {
            case .absent: nil
            case .connected: "\(source) (\(running(source)) containers)"
            case .lost(let reason): "\(source) (not answering: \(reason))"
            }
        }
        return words.joined(separator: ", ")
    }

    /// The number of running containers with an address, including those reported since the last
    /// list.
    private func running(_ source: String) -> Int {
        state.withLock { state in
            let prefix = Self.key(source, "")
            return state.leases.lives.count { $0.value.ended == nil && $0.key.hasPrefix(prefix) }
        }
    }

    private static func holder(of address: IPAddress, _ state: State) -> Inventory.Holder? {
        if let lease = state.leases.current(address) {
            return Inventory.Holder(
                workload: lease.container.workload, image: lease.container.image,
                labels: lease.container.labels, mac: lease.mac, instance: lease.container.id,
                since: lease.since)
        }
        return state.fixed.values.lazy.compactMap { $0[address] }.first
    }

    private static func networks(_ state: State) -> [Inventory.Network] {
        var owners: [String: String] = [:]
        var seen: Set<IPPrefix> = []
        var result: [Inventory.Network] = []
        for (source, networks) in state.networks.sorted(by: { $0.key < $1.key }) {
            for network in networks {
                // Two engines may each have a network of the same name.
                let isTaken = owners[network.name] ?? source != source
                let name = isTaken ? "\(network.name) (\(source))" : network.name
                owners[name] = source
                for prefix in network.prefixes where seen.insert(prefix).inserted {
                    result.append(
                        Inventory.Network(
                            name: name, prefix: prefix,
                            gateway: network.gateways.first { prefix.contains($0) }))
                }
            }
        }
        return result
    }

    private static func bridges(_ state: State) -> [String] {
        Set(state.networks.values.joined().compactMap(\.bridge)).sorted()
    }
}
