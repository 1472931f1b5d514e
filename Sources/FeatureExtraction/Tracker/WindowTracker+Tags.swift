public import FlowMetering
public import NetworkAddresses
import PacketDecoding
import SenderAttribution

/// What the tags of flows say.
extension WindowTracker {
    /// The opener of the flow for which `observe` returned this tag, and whether its pair is new to
    /// the baseline; nil if it has no opener.
    public func opening(_ tag: UInt32) -> (subject: IPAddress, isNew: Bool)? {
        guard tag & Self.unsolicitedBit == 0, tag & Self.slotMask != 0 else { return nil }
        return (hosts[Int(tag & Self.slotMask) - 1].address, tag & Self.newEdgeBit != 0)
    }

    /// Prefetches what `observe` reads for packets that follow soon: most are of other flows and
    /// hosts, which are no longer in the cache. Mutating, since the tracker would otherwise be
    /// copied.
    ///
    /// - Parameters:
    ///   - position: the packet that is observed next; updates from `count` on are not used.
    ///   - tags: as far as they are known now.
    public mutating func prefetch(
        _ updates: [FlowUpdate], after position: Int, count: Int, _ tags: FlowTags
    ) {
        let (near, far) = (position + 8, position + 16)
        if far < count { tags.prefetch(updates[far].flow) }
        guard near < count else { return }
        let flow = updates[near].flow
        responders.prefetch(flow)
        let slot = Int(tags[flow] & Self.slotMask) - 1
        guard slot >= 0, slot < hosts.count else { return }
        // What is read for each packet comes first.
        hosts.prefetch(slot, byteCount: 384)
    }

    /// Whether a flow with this tag was opened to a pair of peer and service that is new to the
    /// baseline.
    public static func isNewContact(_ tag: UInt32) -> Bool {
        tag & unsolicitedBit == 0 && tag & slotMask != 0 && tag & newEdgeBit != 0
    }

    /// Whether more than the address tells that a host sent what bears it: its port, its MAC
    /// address, or handshakes that it completed in the last ten minutes.
    public func isProven(_ address: IPAddress) -> Bool {
        slots[address].map { hosts[$0].evidence(.long, second) != .address } ?? false
    }

    /// Whether a server asks a client that has just connected to it for the user (RFC 1413): one
    /// question for each connection.
    mutating func isIdentification(_ packet: Packet) -> Bool {
        packet.ipProtocol == 6 && packet.destinationPort == 113
            && arrivals.take(packet, second: second)
    }

    /// Marks the tag of a flow that answers a question to a group.
    static let answerBit: UInt32 = 1 << 22

    /// The tag of a flow that answers a datagram of its receiver to a group, from any port, or one
    /// to the sender, from another port; nil if it does not. What follows the answer to a group's
    /// question counts.
    mutating func answer(_ packet: Packet, _ sender: MACBindingTable.Sender) -> UInt32? {
        guard packet.ipProtocol == 17, !packet.destinationMAC.isGroup, !sender.isForeign else {
            return nil
        }
        let station = station(of: packet)
        if questions.isAnswer(packet, isToGroup: false, by: station, second: second) { return 0 }
        if questions.isAnswer(packet, isToGroup: true, by: station, second: second) {
            guard !sender.isNobody, let slot = slot(of: sender, packet) else { return 0 }
            return UInt32(slot + 1) | Self.answerBit
                | UInt32(hosts[slot].generation & Self.generationMask) << 24
        }
        questions.ask(packet, isToGroup: false, by: station, second: second)
        return nil
    }
}
