public import NetworkAddresses
internal import Synchronization
public import Timestamps

/// A container network as its engine describes it.
public struct ContainerNetwork: Sendable, Equatable {
    public var name: String
    public var prefixes: [IPPrefix]
    public var gateways: [IPAddress]
    /// The bridge on this node that joins its containers; nil where there is none.
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
    /// By address: its current owner, or nil.
    public var holders: [IPAddress: Inventory.Holder?] = [:]
    /// By address: since when that is so; without, it always was.
    public var times: [IPAddress: Timestamp] = [:]
    /// Every network, where one came or went.
    public var networks: [Inventory.Network]?
    /// The bridges to watch, where one came or went.
    public var bridges: [String]?

    public init() {}

    /// The interface of the current owner of `address`, if known.
    public func mac(of address: IPAddress) -> MACAddress? {
        holders[address].flatMap { $0 }?.mac
    }

    public var isEmpty: Bool { holders.isEmpty && networks == nil && bridges == nil }
}

/// Who is who, now and a while ago, as the engines on this node tell: the place where every source
/// writes and every part of a monitor reads.
///
/// Any thread may use it at any time. Memory follows the containers that run; what is over is kept
/// for fifteen minutes.
public final class WorkloadDirectory: Sendable {
    /// Networks that one source may name, and prefixes of one network.
    static let networkLimit = 4096

    private struct State {
        var leases = LeaseTable()
        var networks: [String: [ContainerNetwork]] = [:]
        /// Addresses that are no container's: services and nodes of a cluster.
        var fixed: [String: [IPAddress: Inventory.Holder]] = [:]
        /// Addresses that must never be fenced, with their reasons.
        var protected: [String: [IPAddress: String]] = [:]
        var states: [String: SourceState] = [:]
        var change = WorkloadChange()
        /// Since when a workload is known, as long as it has or had a container.
        var firstSeen: [String: Timestamp] = [:]
        var pruned = Timestamp.epoch
    }

    /// How a source is doing.
    public enum SourceState: Sendable, Equatable {
        /// No server listens on the socket.
        case absent
        case connected
        /// It was there; why it no longer is.
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

    /// Containers that have addresses.
    func begin(_ source: String, _ leases: [(address: IPAddress, lease: Lease)]) {
        write(at: leases.map(\.lease.since).max() ?? .epoch) { begin(source, leases, &$0) }
    }

    /// A container is over, or has left one network.
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

    /// Addresses of what is no container, and which of them must never be fenced.
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

    /// A container that has, or had, an address.
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

    /// Changes whenever something did; cheap enough to be asked for every packet.
    public var version: Int { news.load(ordering: .acquiring) }

    /// What changed since the last call; one reader takes it.
    public func takeChange() -> WorkloadChange {
        state.withLock { state in
            defer { state.change = WorkloadChange() }
            return state.change
        }
    }

    /// Everything that is known now as one change, for a reader who begins anew; empty where no
    /// source answers.
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

    /// Who had `address` at `time`; nil for nobody that is known, or too
    /// long ago.
    public func lease(of address: IPAddress, at time: Timestamp) -> Lease? {
        state.withLock { state in
            var lease = state.leases.lease(of: address, at: time)
            if let id = lease?.container.id, let space = id.firstIndex(of: " ") {
                lease?.container.id = String(id[id.index(after: space)...])
            }
            return lease
        }
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

    /// What must never be fenced, beside the gateways.
    public func protected() -> [IPAddress: String] {
        state.withLock { state in
            state.protected.values.reduce(into: [:]) { $0.merge($1) { mine, _ in mine } }
        }
    }

    /// Since when each workload is known.
    public func firstSeen() -> [String: Timestamp] { state.withLock { $0.firstSeen } }

    public func networks() -> [ContainerNetwork] {
        state.withLock { state in
            state.networks.sorted { $0.key < $1.key }.flatMap(\.value)
        }
    }

    /// The bridges of container networks.
    public func bridges() -> [String] { state.withLock { Self.bridges($0) } }

    /// How many addresses, leases and containers are remembered, and how many found no room.
    public func size() -> (addresses: Int, leases: Int, containers: Int, refused: Int) {
        state.withLock { state in
            (
                state.leases.leases.count, state.leases.leases.values.reduce(0) { $0 + $1.count },
                state.leases.lives.count, state.leases.refused
            )
        }
    }

    /// How each source is doing, by name.
    public func states() -> [(source: String, state: SourceState)] {
        state.withLock { $0.states.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
    }

    /// Whether any source is there.
    public var isLive: Bool {
        state.withLock { state in
            state.states.values.contains { $0 != .absent } || !state.networks.isEmpty
        }
    }

    /// Sources of names as text, for an operator.
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

    /// Containers with an address, those that came since the last list included.
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
