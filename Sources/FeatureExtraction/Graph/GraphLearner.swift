public import FlowMetering
import NetworkAddresses
public import PacketDecoding
public import Workloads
import Timestamps

/// Learns the communication graph from clean traffic: the first of the two passes of training.
public struct GraphLearner: Sendable {
    private var graph = CommunicationGraph()
    private var resolver: IdentityResolver
    private var links: MACBindingTable

    public init(inventory: Inventory) {
        resolver = IdentityResolver(identities: IdentityMap(inventory: inventory))
        links = MACBindingTable(graph: nil, inventory: inventory, isLearning: true)
    }

    /// Applies changes of address owners.
    public mutating func apply(_ change: WorkloadChange) { resolver.apply(change) }

    /// Processes one packet and its effect on its flow.
    public mutating func observe(_ packet: Packet, _ update: FlowUpdate) {
        let second = packet.time.second
        let epoch = Int32(truncatingIfNeeded: second / CommunicationGraph.epochSeconds)
        guard packet.kind != .other else { return }
        if update.events.contains(.answered) { links.noteNextHop(packet) }
        guard packet.kind == .arp || update.events.contains(.started) else {
            return noteName(packet, epoch)
        }
        let place = resolver.resolve(packet.source, in: nil).place
        let sender = links.sender(
            of: packet, second: second, isFromAfar: place == .outside || place == .gateway)
        guard packet.kind == .ip else { return }
        if packet.dns.kind == .query {
            _ = CommunicationGraph.note(
                packet.dns.nameDigest, in: &graph.dnsNames, epoch: epoch,
                dropped: &graph.droppedFacts)
        }
        if WindowTracker.opensFlow(packet, update) {
            learn(
                sender.subject, packet.destination,
                Service(ipProtocol: packet.ipProtocol, port: packet.destinationPort), epoch)
        } else if update.events.contains([.started, .midstream]) {
            learnMidstream(packet, epoch)
        }
    }

    private mutating func noteName(_ packet: Packet, _ epoch: Int32) {
        guard packet.dns.kind == .query else { return }
        _ = CommunicationGraph.note(
            packet.dns.nameDigest, in: &graph.dnsNames, epoch: epoch, dropped: &graph.droppedFacts)
    }

    /// Learns a connection older than the capture. The end with the dynamic port opened it; if both
    /// or neither have one, the initiator is unknown.
    private mutating func learnMidstream(_ packet: Packet, _ epoch: Int32) {
        let isSourceDynamic = packet.sourcePort >= Service.firstDynamicPort
        guard isSourceDynamic != (packet.destinationPort >= Service.firstDynamicPort) else {
            return
        }
        let port = isSourceDynamic ? packet.destinationPort : packet.sourcePort
        learn(
            isSourceDynamic ? packet.source : packet.destination,
            isSourceDynamic ? packet.destination : packet.source,
            Service(ipProtocol: packet.ipProtocol, port: port), epoch)
    }

    private mutating func learn(
        _ source: IPAddress, _ destination: IPAddress, _ service: Service, _ epoch: Int32
    ) {
        let peer = resolver.learn(destination, in: &graph)
        guard peer.place != .group else { return }
        let subject = resolver.learn(source, in: &graph)
        graph.note(subject, peer, destination, service, epoch: epoch)
    }

    /// Returns the graph learned so far.
    public func finish() -> CommunicationGraph {
        var graph = graph
        graph.links = links.links
        return graph
    }
}
