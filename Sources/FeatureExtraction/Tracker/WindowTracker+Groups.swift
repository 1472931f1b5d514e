import NetworkAddresses
import PacketDecoding
import SenderAttribution
import Workloads

/// Packets to all hosts of a link, and pings of whole networks.
extension WindowTracker {
    /// Counts a frame to a group of hosts. Announcements and discovery are ordinary up to a rate;
    /// what a host sends to all others beyond it counts like its other packets.
    mutating func noteGroup(_ packet: Packet) {
        let isPing = packet.isEchoRequest
        if isPing || packet.ipProtocol == 17 {
            questions.ask(packet, isToGroup: true, by: station(of: packet), second: second)
        }
        if packet.asksForGroups {
            questions.askForGroups(packet, by: station(of: packet), second: second)
        }
        guard packet.isForAll, packet.packetType != .outgoing,
            // A router asks for each address of a scan that it forwards.
            isPing || packet.ipProtocol != 58, !isAskedReport(packet),
            groupRates.note(station(of: packet), second: second)
        else { return }
        let sender = sender(of: packet)
        guard !sender.isNobody, let slot = slot(of: sender, packet) else { return }
        if sender.isForeign, !isPing {
            noteForeign(packet, slot, isOthers: sender.isOthers)
        }
        countBeyondRate(packet, slot, isForAll: true)
    }

    /// Whether a host reports a group because another has asked for its groups.
    private mutating func isAskedReport(_ packet: Packet) -> Bool {
        packet.ipProtocol == 2 && !packet.asksForGroups
            && questions.isReport(packet, by: station(of: packet), second: second)
    }

    /// Whether an echo reply answers a ping of a whole network: each of its hosts replies, to
    /// whatever address the ping came from.
    mutating func answersGroupPing(_ kind: UnsolicitedKind?, _ packet: Packet) -> Bool {
        guard kind == .icmpReply, packet.icmpType == (packet.ipVersion == 4 ? 0 : 129) else {
            return false
        }
        return questions.isReply(packet, by: station(of: packet), second: second)
    }
}

extension Packet {
    /// Whether it is a query of IGMP (RFC 3376, 4.1.12), which goes to all hosts.
    fileprivate var asksForGroups: Bool { ipProtocol == 2 && destination.v4 == 0xE000_0001 }

    /// Whether every host of the link receives it: a broadcast, or a multicast of the link (RFC
    /// 5771, RFC 4291). Streams to other groups have receivers that joined them.
    fileprivate var isForAll: Bool {
        destinationMAC == MACAddress(0xFFFF_FFFF_FFFF)
            || (destination.isIPv4
                ? destination.v4 >> 8 == 0xE0_0000 : destination.high >> 48 & 0xFF0F == 0xFF02)
    }
}
