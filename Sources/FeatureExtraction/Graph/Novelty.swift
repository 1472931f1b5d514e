import BaselineGraph
import NetworkAddresses
import SenderAttribution
import Workloads

/// The ways in which a flow is new compared with the baseline's graph.
struct Novelty {
    var isNewEdge = false
    var isNewPeer = false
    var isNewPort = false
    var isNewNetwork = false
    var isNewOutside = false

    /// Judges a flow of `subject` to `peer`; nothing is new without a graph.
    ///
    /// An unnamed member of a known network counts as any member of it, so a replica with a new
    /// address is not an unknown host.
    init(
        _ subject: Resolved, _ peer: Resolved, _ service: Service, _ address: IPAddress,
        _ graph: CommunicationGraph?, _ epoch: Range<Int32>?
    ) {
        guard let graph else { return }
        let who = subject.asSubject
        func knows(_ peer: UInt32, _ service: Service) -> Bool {
            peer != IdentityResolver.unknown && graph.knows(who, peer, service, outside: epoch)
        }
        let standsForNetwork = !peer.isNamed && peer.place == .inside
        isNewEdge =
            !knows(peer.name, service) && !(standsForNetwork && knows(peer.network, service))
        guard isNewEdge || peer.place == .outside else { return }
        isNewPeer = !knows(peer.name, .any) && !(standsForNetwork && knows(peer.network, .any))
        isNewPort = !knows(CommunicationGraph.anyone, service)
        isNewNetwork = !knows(peer.network, .any)
        isNewOutside =
            peer.place == .outside
            && !CommunicationGraph.isKnown(graph.outsideAddresses[address], outside: epoch)
    }
}
