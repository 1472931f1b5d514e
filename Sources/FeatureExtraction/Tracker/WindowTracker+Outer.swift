import FlowMetering
import NetworkAddresses
import PacketDecoding
import SenderAttribution

/// Packets around tunnels. Whoever sends one chooses what looks like its inner packet, so the outer
/// packet counts for its sender, too.
extension WindowTracker {
    /// Counts the outer packet of a tunnel for its sender, if that is a host of this link.
    ///
    /// - Returns: whether the sender only answers another host, at a port that is no tunnel's.
    mutating func observeOuter(_ packet: Packet) -> Bool {
        guard packet.packetType != .outgoing else { return false }
        isRelayed = false
        let outer = packet.outer
        let (index, isNew, isFromOpener) = outerFlows.place(of: outer, second: second)
        var update = FlowUpdate()
        if isNew {
            update.events = [.started, .fromOriginator]
            update.start = packet.time
            let sender = sender(of: outer)
            guard sender.evidence == .port || sender.evidence == .mac else { return false }
            outerFlows[index].tag = open(outer, update) ?? 0
            return false
        }
        if isFromOpener {
            update.events = .fromOriginator
        } else if !outerFlows[index].isAnswered {
            update.events = .answered
            outerFlows[index].isAnswered = true
        }
        update.tag = outerFlows[index].tag
        update.start = outerFlows[index].start
        if update.tag & Self.unsolicitedBit == 0 {
            count(outer, update)
        } else if let tag = countUnsolicited(outer, update) {
            outerFlows[index].tag = tag
        }
        return !isFromOpener && packet.outerProtocol == 17
            && !PacketDecoder.mayCarryTunnel(packet.outerSourcePort)
    }

    /// Notes who opened a flow of datagrams on a port of tunnels that has none in it: answers may
    /// look like a tunnel.
    mutating func noteOuter(_ packet: Packet, _ tag: UInt32?) {
        guard
            PacketDecoder.mayCarryTunnel(packet.sourcePort)
                || PacketDecoder.mayCarryTunnel(packet.destinationPort)
        else { return }
        let (index, isNew, _) = outerFlows.place(of: packet, second: second)
        if isNew { outerFlows[index].tag = tag ?? 0 }
    }
}

extension Packet {
    /// Whether the sender of a datagram around a tunnel answers its other end, by the ports.
    var isOuterAnswer: Bool {
        outerProtocol == 17 && PacketDecoder.mayCarryTunnel(outerSourcePort)
            && !PacketDecoder.mayCarryTunnel(outerDestinationPort)
    }

    /// The packet around a tunnel's first inner packet.
    fileprivate var outer: Packet {
        var outer = Packet()
        outer.time = time
        outer.kind = .ip
        outer.ipVersion = outerSource.isIPv4 ? 4 : 6
        outer.ipProtocol = outerProtocol
        outer.source = outerSource
        outer.destination = outerDestination
        outer.sourcePort = outerSourcePort
        outer.destinationPort = outerDestinationPort
        outer.ipLength = outerLength
        outer.payloadLength = outerLength
        outer.sourceMAC = sourceMAC
        outer.destinationMAC = destinationMAC
        outer.port = port
        outer.packetType = packetType
        outer.vlan = vlan
        outer.wireLength = wireLength
        return outer
    }
}
