import BaselineGraph
import FlowMetering
import NetworkAddresses
import PacketDecoding
import SenderAttribution
import Workloads
import Timestamps

/// Counts the packets that open no flow and continue none that is known, for their sender.
///
/// Connections older than the tracker look the same. Kinds that such connections send are
/// therefore counted from a minute after the start on, unless the other end refuses them, and no
/// longer once the other end accepts them.
extension WindowTracker {
    /// Marks the tag of a flow that began with an unsolicited packet.
    static let unsolicitedBit: UInt32 = 1 << 23
    /// In such a tag: the flow's first packet was counted.
    private static let countedBit: UInt32 = 1 << 22
    /// In such a tag: the flow's responder sent the first packet.
    private static let fromResponderBit: UInt32 = 1 << 31
    /// In such a tag: the first packet had FIN and ACK.
    private static let finBit: UInt32 = 1 << 30
    /// After this time a flow without an answer is no connection that only paused.
    private static let patience = Interval.seconds(1)
    /// Seconds after which the meter knows every connection that is in use: its idle timeout.
    static let warmUpSeconds = 60

    var isWarmingUp: Bool { isWarmUp(second) }

    private func isWarmUp(_ second: Int) -> Bool {
        mode != .withoutBaseline && second < firstSecond + Self.warmUpSeconds
    }

    /// Counts the first packet of a flow without an opening packet.
    ///
    /// - Returns: the tag to store with the flow.
    mutating func openUnsolicited(
        _ packet: Packet, _ update: FlowUpdate, _ peer: Resolved,
        _ sender: MACBindingTable.Sender
    ) -> UInt32? {
        let kind = UnsolicitedKind(packet, update)
        if sender.isForeign, sender.evidence == .port { countInjected(packet, sender) }
        guard packet.ipProtocol != 58 || packet.icmpType < 130,
            !isToGroup(packet, peer.place == .group)
        else { return nil }
        let counts = kind.map { !$0.isPlausible || !isWarmingUp } ?? false
        if let kind, counts { watch(packet, peer, sender, kind: kind) }
        // A host that only answers takes no memory, unless it is one of those here: a refusal shows
        // that the packet was no answer.
        let isOfThisLink = sender.evidence == .port || sender.evidence == .mac
        guard
            counts || kind != nil && (mode == .withoutBaseline || isOfThisLink)
                || current(sender.subject, sender.isContested) != nil,
            let slot = slot(of: sender, packet)
        else { return nil }
        if let kind, counts, !answersGroupPing(kind, packet) { note(kind, packet, slot) }
        let generation = UInt32(hosts[slot].generation & Self.generationMask) << 24
        return UInt32(slot + 1) | Self.unsolicitedBit | generation
            | (update.events.contains(.fromOriginator) ? 0 : Self.fromResponderBit)
            | (kind == .maimon ? Self.finBit : 0) | (counts ? Self.countedBit : 0)
    }

    /// Counts a later packet of such a flow.
    ///
    /// - Returns: 0 if the flow is a connection after all.
    mutating func countUnsolicited(_ packet: Packet, _ update: FlowUpdate) -> UInt32? {
        guard let slot = liveSlot(update.tag) else { return nil }
        let isFromFirst =
            update.events.contains(.fromOriginator) == (update.tag & Self.fromResponderBit == 0)
        let isEarly = isWarmUp(update.start.second)
        if isFromFirst {
            guard let kind = UnsolicitedKind(packet, update) else { return nil }
            if !kind.isPlausible || !isEarly && packet.time - update.start > Self.patience {
                watch(packet, slot, kind: kind)
                if !answersGroupPing(kind, packet) { note(kind, packet, slot) }
            }
            return nil
        }
        let isFIN = update.tag & Self.finBit != 0
        guard packet.ipProtocol == 6, packet.tcpFlags & 0x04 != 0 else {
            if !isEarly {
                hosts[slot].unsolicited.note(
                    packet.ipProtocol != 6 ? .acceptedReply : isFIN ? .acceptedFIN : .acceptedACK)
            }
            return 0
        }
        if isEarly, update.tag & Self.countedBit == 0 {
            var probe = packet
            (probe.destination, probe.destinationPort) = (packet.source, packet.sourcePort)
            (probe.source, probe.sourcePort) = (packet.destination, packet.destinationPort)
            note(isFIN ? .maimon : .ack, probe, slot)
        }
        hosts[slot].unsolicited.note(.rejected)
        return nil
    }

    /// Counts an ICMP error about a flow that began with an unsolicited packet, or about the answer
    /// to a flow that its host did not open.
    mutating func noteUnreachable(_ packet: Packet, _ update: FlowUpdate) {
        guard let slot = liveSlot(update.relatedTag) else { return }
        if update.relatedTag & Self.unsolicitedBit != 0 {
            hosts[slot].unsolicited.note(.rejected)
        } else if update.relatedEvents.contains(.fromOriginator) {
            noteRefusal(by: packet, update, slot)
        } else if packet.source == hosts[slot].address {
            hosts[slot].now[.nxdomain] &+= Counters.high
        }
    }

    /// Whether an answer goes to the MAC address of another host, which then asked in this one's
    /// name. Answers by way of a router go to the router's.
    @inline(__always)
    func isToAnotherHost(_ answer: Packet, _ slot: Int) -> Bool {
        answer.port == 0 && hosts[slot].port == 0 && hosts[slot].mac != .zero
            && answer.destinationMAC != hosts[slot].mac
            && answer.destination == hosts[slot].address
            && !links.isRouter(hosts[slot].mac) && links.isKnownHost(answer.destinationMAC)
    }

    /// Counts an answer beyond those that were asked for.
    mutating func countExcess(_ packet: Packet) {
        let sender = sender(of: packet)
        let peer = resolver.resolve(packet.destination, in: graph)
        guard !sender.isNobody, !isToGroup(packet, peer.place == .group),
            !answersGroupPing(.icmpReply, packet),
            let slot = slot(of: sender, packet)
        else { return }
        watch(packet, peer, sender, kind: .icmpReply)
        if sender.isForeign { noteForeign(packet, slot, isOthers: sender.isOthers) }
        note(.icmpReply, packet, slot)
    }

    /// Counts a later fragment without its first.
    mutating func countOrphan(_ packet: Packet) {
        noteArrival(packet)
        guard !isWarmingUp else { return }
        let sender = sender(of: packet)
        let peer = resolver.resolve(packet.destination, in: graph)
        guard !sender.isNobody, !isToGroup(packet, peer.place == .group),
            let slot = slot(of: sender, packet)
        else { return }
        watch(packet, peer, sender, kind: .fragment)
        if sender.isForeign { noteForeign(packet, slot, isOthers: sender.isOthers) }
        note(.fragment, packet, slot)
    }

    mutating func note(_ kind: UnsolicitedKind, _ packet: Packet, _ slot: Int) {
        hosts[slot].unsolicited.note(kind, to: Contact(to: packet, second: second))
        if kind == .icmpReply {
            hosts[slot].now[.icmp] &+= Counters.high | UInt64(packet.payloadLength)
        }
        hosts[slot].now[.activity] &+= 1
        hosts[slot].lastSecond = second
        noteProbe(slot)
    }

    /// The slot of a flow's tag, if it still belongs to the same host. Inlined, as all queries that
    /// packets need: to call a method that changes nothing, Swift copies the tracker, 2 kB.
    @inline(__always)
    func liveSlot(_ tag: UInt32) -> Int? {
        let slot = Int(tag & Self.slotMask) - 1
        guard slot >= 0, slot < hosts.count, hosts[slot].isLive,
            hosts[slot].generation & Self.generationMask == UInt8(tag >> 24) & Self.generationMask
        else { return nil }
        return slot
    }
}
