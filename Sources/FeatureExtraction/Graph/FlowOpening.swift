package import BaselineGraph
package import FlowMetering
package import NetworkAddresses
package import PacketDecoding

/// Which host opened a flow to which, and to which service.
package struct FlowOpening: Sendable {
    package let source: IPAddress
    package let destination: IPAddress
    package let service: Service
    /// Whether the connection is older than the capture.
    package let isMidstream: Bool

    /// The flow that a packet opens, or the first packet shows; nil if it opens none, or nobody can
    /// tell who did.
    ///
    /// The end with the dynamic port opened a connection that is older than the capture; if both or
    /// neither have one, the initiator is unknown.
    package init?(_ packet: Packet, _ update: FlowUpdate) {
        if WindowTracker.opensFlow(packet, update) {
            source = packet.source
            destination = packet.destination
            service = Service(ipProtocol: packet.ipProtocol, port: packet.destinationPort)
            isMidstream = false
            return
        }
        guard update.events.contains([.started, .midstream]) else { return nil }
        let isSourceDynamic = packet.sourcePort >= Service.firstDynamicPort
        guard isSourceDynamic != (packet.destinationPort >= Service.firstDynamicPort) else {
            return nil
        }
        source = isSourceDynamic ? packet.source : packet.destination
        destination = isSourceDynamic ? packet.destination : packet.source
        service = Service(
            ipProtocol: packet.ipProtocol,
            port: isSourceDynamic ? packet.destinationPort : packet.sourcePort)
        isMidstream = true
    }
}
