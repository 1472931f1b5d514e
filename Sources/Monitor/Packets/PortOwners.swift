internal import Recording
internal import FeatureExtraction
internal import NetworkAddresses
internal import NodeInterfaces
internal import Timestamps

/// What goes on with changes of the node's ports.
protocol PortFollower: ~Copyable {
    mutating func apply(_ change: PortChange)
    /// Ports of which it should be asked anew what is behind them.
    mutating func takeWantedPorts() -> Set<UInt32>
}

/// Tells a pipeline what is behind the ports of the node: which cards and addresses the kernel
/// lists there.
///
/// A port is asked about when it appears, and again when a packet came by it whose source is not
/// known to be its own: at most once a second.
struct PortOwners: ~Copyable {
    private let inside: ContainerPorts?
    private var version: UInt64 = 0
    private var known: [UInt32: PortFacts] = [:]
    private var askedAt: Instant?

    private static let pause = Interval.seconds(1)

    /// Called where ports have gone or have other names: rules on them are to be looked at.
    private let onChange: () -> Void

    init(onChange: @escaping () -> Void) {
        inside = try? ContainerPorts()
        self.onChange = onChange
    }

    /// Takes in what has changed. For the thread of the packets, before every batch.
    mutating func update(
        _ pipeline: inout some PortFollower & ~Copyable, _ source: LiveSource,
        _ recording: PacketRecording?
    ) {
        let now = Clock.monotonic()
        let isDue = askedAt.map { now - $0 >= Self.pause } ?? true
        let wanted = isDue ? pipeline.takeWantedPorts() : []
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
            // A container that takes one of the node's own cards is no gateway by that.
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

    private func facts(of port: NodeInterface, isOneHost: Bool) -> PortFacts {
        var facts = PortFacts(
            port: port.port, name: port.name, instance: port.instance, host: port.link?.namespace,
            isShared: !isOneHost)
        // Without the right to look inside, first use tells.
        guard isOneHost, let link = port.link, let namespace = link.namespace,
            let listed = try? inside?.interfaces(in: namespace)
        else { return facts }
        if let other = listed.first(where: { $0.interface.index == link.index }) {
            facts.mac = other.interface.mac
            facts.addresses = other.addresses
        }
        return facts
    }
}
