public import FlowMetering
public import PacketDecoding
public import Workloads

/// Learns the communication graph from clean traffic: the first of the two passes of training.
public struct GraphLearner: Sendable {
    private var graph = CommunicationGraph()
    private var resolver: Resolver
    private var links: LinkTable

    public init(inventory: Inventory) {
        resolver = Resolver(identities: IdentityMap(inventory: inventory))
        links = LinkTable(graph: nil, inventory: inventory, isLearning: true)
    }

    /// Takes in one packet and what it did to its flow.
    public mutating func observe(_ packet: Packet, _ update: FlowUpdate) {
        let second = Int(packet.timeNanoseconds / 1_000_000_000)
        let epoch = Int32(truncatingIfNeeded: second / CommunicationGraph.epochSeconds)
        guard packet.kind != .other else { return }
        let sender = links.sender(of: packet, second: second)
        guard packet.kind == .ip else { return }
        if packet.dns.kind == .query {
            _ = CommunicationGraph.note(
                packet.dns.nameHash, in: &graph.dnsNames, epoch: epoch, dropped: &graph.droppedFacts
            )
        }
        guard WindowTracker.opensFlow(packet, update) else { return }
        let peer = resolver.learn(packet.destination, in: &graph)
        guard peer.place != .group else { return }
        let subject = resolver.learn(sender.subject, in: &graph)
        note(subject, peer, packet, epoch)
    }

    private mutating func note(
        _ subject: Resolved, _ peer: Resolved, _ packet: Packet, _ epoch: Int32
    ) {
        if peer.place == .outside {
            _ = CommunicationGraph.note(
                packet.destination, in: &graph.outsideAddresses, epoch: epoch,
                dropped: &graph.droppedFacts)
        }
        let service = Service(ipProtocol: packet.ipProtocol, port: packet.destinationPort)
        func note(_ subject: UInt32, _ peer: UInt32, _ service: Service) -> Bool {
            CommunicationGraph.note(
                CommunicationGraph.Edge(subject: subject, peer: peer, service: service),
                in: &graph.edges, epoch: epoch, dropped: &graph.droppedFacts)
        }
        guard note(subject.name, peer.name, service) else { return }
        for who in [subject.name, subject.network, CommunicationGraph.anyone] {
            graph.subjects.insert(who)
            for whom in [peer.name, peer.network] {
                _ = note(who, whom, service)
                _ = note(who, whom, .any)
            }
            _ = note(who, CommunicationGraph.anyone, service)
        }
    }

    /// What was learnt.
    public consuming func finish() -> CommunicationGraph {
        graph.links = links.links
        return graph
    }
}
