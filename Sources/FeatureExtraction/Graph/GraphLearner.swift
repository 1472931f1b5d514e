package import BaselineGraph
public import FlowMetering
package import NetworkAddresses
public import PacketDecoding
public import SenderAttribution
public import Workloads
import Timestamps

/// Learns the communication graph from clean traffic: the first of the two passes of training.
public struct GraphLearner: Sendable {
    private var graph = CommunicationGraph()
    private var resolver: IdentityResolver
    private var links: MACBindingTable
    private var ports = PortTable(graph: nil)
    private var journal: ContactJournal?

    /// Whether a contact or a name is only of traffic that is not learned.
    ///
    /// - Parameters:
    ///   - destination: nil for a DNS name.
    ///   - seconds: when it was seen first and last, to ten seconds.
    package typealias SuspectFilter = (
        _ source: IPAddress, _ destination: IPAddress?, _ mac: MACAddress,
        _ seconds: ClosedRange<Int>
    ) -> Bool

    /// - Parameter keepsContacts: whether suspects can be left out when all has been learned.
    public init(inventory: Inventory, keepsContacts: Bool = false) {
        journal = keepsContacts ? ContactJournal() : nil
        resolver = IdentityResolver(identities: IdentityMap(inventory: inventory))
        links = MACBindingTable(graph: nil, inventory: inventory, isLearning: true)
    }

    /// Applies changes of address owners.
    public mutating func apply(_ change: WorkloadChange) {
        resolver.apply(change)
        for address in change.holders.keys { ports.release(address) }
    }

    /// Applies changes of the node's ports.
    public mutating func apply(_ change: PortChange) {
        ports.apply(change)
        for (mac, gateways) in change.routers { links.know(router: mac, at: gateways) }
    }

    /// Ports whose facts should be queried again, each once.
    public mutating func takeWantedPorts() -> Set<UInt32> { ports.takeWanted() }

    /// Whether `observe` does anything for a packet.
    @inlinable
    public static func learns(from packet: Packet, _ update: FlowUpdate) -> Bool {
        packet.kind != .other
            && (packet.kind == .arp || packet.dns.kind == .query
                || update.events.contains(.started) || update.events.contains(.answered))
    }

    /// Processes one packet and its effect on its flow.
    public mutating func observe(_ packet: Packet, _ update: FlowUpdate) {
        guard Self.learns(from: packet, update) else { return }
        let second = packet.time.second
        let unit = CommunicationGraph.unit(second)
        if update.events.contains(.answered) { links.noteNextHop(packet) }
        guard packet.kind == .arp || update.events.contains(.started) else {
            return noteName(packet, unit)
        }
        let place = resolver.resolve(packet.source, in: nil).place
        var subject = packet.source
        var borrowsAnothers = false
        if packet.port != 0 {
            switch ports.answer(packet, place: place) {
            case .forged(let own, let isOthers):
                subject = own
                borrowsAnothers = isOthers
            // It was counted where it came in, or its sender is unknown.
            case .seen, .contested: return
            case .own(let own): subject = own
            case .nothing: break
            }
        }
        // A sender with a borrowed address must not be learned as the address's MAC address; a
        // container that forwards packets of hosts beyond it is a router.
        if !borrowsAnothers {
            let sender = links.sender(
                of: packet, second: second, isFromAfar: place == .outside || place == .gateway
            ) { _, _ in false }
            if subject == packet.source { subject = sender.subject }
            if packet.announcement == .dhcpReply { links.noteDHCPServer(packet.sourceMAC) }
        }
        guard packet.kind == .ip else { return }
        if packet.tunnel != .none { learnOuter(packet, unit) }
        noteName(packet, unit)
        guard let opening = FlowOpening(packet, update) else { return }
        learn(
            opening.isMidstream ? opening.source : subject, packet.sourceMAC, opening.destination,
            opening.service, unit,
            isForOne: !opening.isMidstream && !packet.destinationMAC.isGroup
                && packet.destinationMAC != .zero)
    }

    /// Learns the ends of a tunnel.
    private mutating func learnOuter(_ packet: Packet, _ unit: Int32) {
        guard !packet.isOuterAnswer else { return }
        learn(
            packet.outerSource, packet.sourceMAC, packet.outerDestination,
            Service(ipProtocol: packet.outerProtocol, port: packet.outerDestinationPort), unit)
    }

    private mutating func noteName(_ packet: Packet, _ unit: Int32) {
        guard packet.dns.kind == .query else { return }
        _ = CommunicationGraph.note(
            packet.dns.nameDigest, in: &graph.dnsNames, at: unit, dropped: &graph.droppedFacts)
        journal?.note(
            ContactJournal.Name(
                source: packet.source, sourceMAC: packet.sourceMAC,
                digest: packet.dns.nameDigest), at: unit)
    }

    private mutating func learn(
        _ source: IPAddress, _ mac: MACAddress, _ destination: IPAddress, _ service: Service,
        _ unit: Int32, isForOne: Bool = false
    ) {
        let peer = resolver.learn(destination, in: &graph)
        guard peer.place != .group || isForOne else { return }
        let subject = resolver.learn(source, in: &graph)
        graph.note(subject, peer, destination, service, at: unit)
        journal?.note(
            ContactJournal.Contact(
                source: source, sourceMAC: mac, destination: destination, service: service,
                subject: subject.name, peer: peer.name), subject, peer, at: unit)
    }

    /// Moves the times of contacts after the clock was set.
    package mutating func clockStepped(by seconds: Int) { journal?.clockStepped(by: seconds) }

    /// Returns the graph learned so far.
    ///
    /// - Parameters:
    ///   - impostors: MAC addresses that used addresses of others, with their own address; the
    ///     graph learns no other address and no role of theirs.
    ///   - seconds: the length of the training, which a short one's epochs depend on.
    ///   - isSuspect: the contacts to leave out; needs `keepsContacts`.
    package func finish(
        without impostors: [MACAddress: IPAddress] = [:], seconds: Int = 86_400,
        leavingOut isSuspect: SuspectFilter? = nil
    ) -> CommunicationGraph {
        var graph = graph
        if let journal, let isSuspect { graph = journal.graph(graph, without: isSuspect) }
        graph.epochSeconds = CommunicationGraph.epochSeconds(ofTraining: seconds)
        graph.links = links.links(without: impostors)
        return graph
    }
}
