import BaselineGraph
import FlowMetering
import NetworkAddresses
import PacketDecoding
import Workloads

/// What the responders of flows need to know: whom they serve, and where they are.
extension WindowTracker {
    /// Counts the packets that others send to a watched host on their flows: its demand.
    mutating func serve(_ packet: Packet, _ update: FlowUpdate) {
        guard update.events.contains(.fromOriginator) else { return }
        if update.events.contains(.started) {
            let slot = slots[packet.destination]
            responders.begin(update.flow, slot: slot.flatMap { isDemand(packet, $0) ? $0 : nil })
        }
        guard let slot = responders.slot(update.flow) else { return }
        guard hosts[slot].isLive, hosts[slot].address == packet.destination else { return }
        hosts[slot].now[.served] &+= 1
    }

    /// Whether packets of a flow are demand: another host opens it, and the baseline has that
    /// service there. ICMP errors are none, as a host could cause them.
    private func isDemand(_ packet: Packet, _ slot: Int) -> Bool {
        guard !isToItself(packet), !packet.isICMPError else { return false }
        guard mode == .monitoring, let graph else { return true }
        let service = Service(ipProtocol: packet.ipProtocol, port: packet.destinationPort)
        return graph.offers(service, at: hosts[slot].resolved)
    }

    /// Whether a flow's responder is outside; looked up once for each flow.
    mutating func isOutside(_ responder: IPAddress, _ flow: Int32) -> Bool {
        if let place = responders.place(flow) { return place == .outside }
        let place = resolver.resolve(responder, in: graph).place
        responders.setPlace(place, of: flow)
        return place == .outside
    }
}
