internal import Recording
internal import FeatureExtraction
internal import NetworkAddresses
internal import NodeInterfaces
internal import SenderAttribution
internal import ProtectedAddresses
internal import Timestamps

/// A pipeline that follows changes of the node's ports.
protocol PortFollower: ~Copyable {
    mutating func apply(_ change: PortChange)
    /// Ports whose facts should be queried again.
    mutating func takeWantedPorts() -> Set<UInt32>
}

/// Supplies a pipeline with the facts about the node's ports: the MAC addresses and IP addresses
/// that the kernel lists behind them, and the MAC addresses of the node's next hops.
///
/// The kernel is queried about a port when the port appears, and again, at most once a second,
/// after a packet came by it with a source that is not known to be its own; about the next hops
/// every ten seconds.
struct PortOwners: ~Copyable {
    private let inside: ContainerPorts?
    private var version: UInt64 = 0
    private var known: [UInt32: PortFacts] = [:]
    private var askedAt: Instant?

    private static let pause = Interval.seconds(1)
    /// The most addresses of a port that are known, so that a container cannot make the packet
    /// thread busy with its own.
    private static let mostAddresses = 256
    /// The next hops, which are asked for again after `routePause`.
    private var routers: [MACAddress: Set<IPAddress>] = [:]
    private var routersAskedAt: Instant?
    private static let routePause = Interval.seconds(10)

    /// Called when ports are gone or renamed: the rules on them have to be compared.
    private let onChange: () -> Void

    init(onChange: @escaping () -> Void) {
        inside = try? ContainerPorts()
        self.onChange = onChange
    }

    /// Applies changes. Called on the packet thread, before every batch.
    mutating func update(
        _ pipeline: inout some PortFollower & ~Copyable, _ source: LiveSource,
        _ recording: PacketRecording?
    ) {
        let now = Clock.monotonic()
        let isDue = askedAt.map { now - $0 >= Self.pause } ?? true
        let wanted = isDue ? pipeline.takeWantedPorts() : []
        let newRouters = newRouters(now)
        if !newRouters.isEmpty {
            var change = PortChange()
            change.routers = newRouters
            pipeline.apply(change)
        }
        guard source.portVersion != version || !wanted.isEmpty else { return }
        if isDue { askedAt = now }
        version = source.portVersion
        let ports = source.ports
        let present = Set(ports.map(\.interface.port))
        var change = PortChange()
        var isRenamed = false
        for port in known.keys where !present.contains(port) {
            known[port] = nil
            change.gone.append(port)
        }
        for (interface, isOneHost) in ports {
            let before = known[interface.port]
            var facts = wanted.contains(interface.port) ? nil : before
            facts?.name = interface.name
            facts?.instance = interface.instance
            facts?.isShared = !isOneHost
            var latest = facts ?? self.facts(of: interface, isOneHost: isOneHost)
            // A container that uses a MAC address of the node does not thereby become a gateway.
            if source.isNodes(latest.mac) { latest.mac = .zero }
            guard latest != before else { continue }
            if let before, before.name != latest.name { isRenamed = true }
            known[interface.port] = latest
            change.facts.append(latest)
        }
        guard !change.isEmpty else { return }
        pipeline.apply(change)
        if isRenamed || !change.gone.isEmpty { onChange() }
        recording?.recordPorts(gone: change.gone, run: source.run, at: Clock.now())
    }

    /// Next hops that were not known before. Where the kernel refuses to list them, there are none.
    private mutating func newRouters(_ now: Instant) -> [MACAddress: Set<IPAddress>] {
        guard routersAskedAt.map({ now - $0 >= Self.routePause }) ?? true else { return [:] }
        routersAskedAt = now
        let listed = (try? NextHops.discover()) ?? [:]
        let fresh = listed.filter { routers[$0.key] != $0.value }
        routers = listed
        return fresh
    }

    private func facts(of port: NodeInterface, isOneHost: Bool) -> PortFacts {
        var facts = PortFacts(
            port: port.port, name: port.name, instance: port.instance, host: port.link?.namespace,
            isShared: !isOneHost)
        // Without the capability to list the addresses inside, first use decides.
        guard isOneHost, let link = port.link, let namespace = link.namespace,
            let listed = try? inside?.interfaces(in: namespace)
        else { return facts }
        if let other = listed.first(where: { $0.interface.index == link.index }) {
            facts.mac = other.interface.mac
            facts.addresses = Array(other.addresses.prefix(Self.mostAddresses))
            facts.hasMore = other.addresses.count > Self.mostAddresses
        }
        return facts
    }
}
