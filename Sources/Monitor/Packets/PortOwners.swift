internal import FeatureExtraction
internal import NetworkAddresses
internal import NodeInterfaces
internal import Timestamps

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

    private let withdraw: (@escaping @Sendable (String) -> Bool) -> Void

    /// - Parameter withdraw: told which ports have gone, by name: what was fenced there has, too.
    init(withdraw: @escaping (@escaping @Sendable (String) -> Bool) -> Void) {
        inside = try? ContainerPorts()
        self.withdraw = withdraw
    }

    /// Takes in what has changed. For the thread of the packets, before every batch.
    mutating func update(
        _ pipeline: inout DetectionPipeline, _ source: LiveSource, _ recording: PacketRecording?
    ) {
        let now = Clock.monotonic()
        let isDue = askedAt.map { now - $0 >= Self.pause } ?? true
        let wanted = isDue ? pipeline.takeWantedPorts() : []
        guard source.portVersion != version || !wanted.isEmpty else { return }
        if isDue { askedAt = now }
        version = source.portVersion
        let ports = source.ports
        let isFirst = known.isEmpty
        let present = Set(ports.map(\.interface.port))
        var change = PortChange()
        var goneNames: Set<String> = []
        for (port, facts) in known where !present.contains(port) {
            known[port] = nil
            change.gone.append(port)
            goneNames.insert(facts.name)
        }
        for (interface, isOneHost) in ports {
            let before = known[interface.port]
            var facts = wanted.contains(interface.port) ? nil : before
            facts?.name = interface.name
            facts?.isShared = !isOneHost
            let latest = facts ?? self.facts(of: interface, isOneHost: isOneHost)
            guard latest != before else { continue }
            known[interface.port] = latest
            change.facts.append(latest)
        }
        guard !change.isEmpty else { return }
        pipeline.apply(change)
        if isFirst {
            let names = Set(ports.map(\.interface.name))
            withdraw { !names.contains($0) }
        } else if !goneNames.isEmpty {
            let names = goneNames
            withdraw { names.contains($0) }
        }
        recording?.recordPorts(gone: change.gone, run: source.run, at: Clock.now())
    }

    private func facts(of port: NodeInterface, isOneHost: Bool) -> PortFacts {
        var facts = PortFacts(
            port: port.port, name: port.name, host: port.link?.namespace, isShared: !isOneHost)
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
