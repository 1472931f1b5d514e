import BaselineGraph
import FlowMetering
import NetworkAddresses
import PacketDecoding
import SenderAttribution
import Timestamps
import Workloads

/// Contacts that go on although no answer is seen: the answers take another path, or the protocol
/// has none. A scan's probes do not.
extension WindowTracker {
    /// A later refusal may be the end of a stream.
    private static let earlyRefusal = Interval.seconds(2)

    /// Tries of a pair within so many seconds are one: of one request, or of one probe.
    private static let roundSeconds = 2

    /// Follows a flow that is opened.
    ///
    /// - Parameters:
    ///   - isNew: whether its pair or outside address is not in the baseline; only the datagrams of
    ///   others are counted.
    ///   - isFar: whether its receiver is outside.
    mutating func follow(
        _ packet: Packet, _ flow: Int32, _ tag: UInt32, _ slot: Int, isNew: Bool, isFar: Bool
    ) {
        guard flow >= 0, isNew || packet.ipProtocol == 17 else { return }
        let flow = Int(flow)
        if flow >= progress.count {
            progress += [FlowProgress](
                repeating: .over, count: max(flow + 1, progress.count * 2) - progress.count)
        }
        progress[flow] = FlowProgress(isUsual: !isNew)
        guard isNew else { return }
        noteContact(packet, slot, isFar: isFar)
        noteTry(packet, tag, slot, isFar: isFar)
    }

    /// Notes a try of a pair, of a host that has more than one such contact.
    private mutating func noteContact(_ packet: Packet, _ slot: Int, isFar: Bool) {
        guard hosts[slot].newContacts.count > 1 else { return }
        let key = HostState.keys(of: packet).edge
        let round = UInt64(bitPattern: Int64(second / Self.roundSeconds))
        hosts[slot].oneSided.note(.rounds, key ^ DistinctWindow.mix(round), second: second)
        guard isFar, !packet.isSTUN else { return }
        hosts[slot].oneSided.note(
            packet.destination.isIPv4 ? .outside : .outsideIPv6, key, second: second)
        guard Self.mayBeOneWay(packet.ipProtocol, packet.destinationPort) else { return }
        hosts[slot].oneSided.note(.datagrams, key, second: second)
    }

    /// Whether datagrams to a port may be of a protocol without answers. Those of well-known ports
    /// have them.
    private static func mayBeOneWay(_ ipProtocol: UInt8, _ port: UInt16) -> Bool {
        ipProtocol == 17 && port >= 1024
    }

    /// Notes a packet on such a flow.
    mutating func noteProgress(_ packet: Packet, _ update: FlowUpdate, _ slot: Int) {
        let flow = Int(update.flow)
        guard flow >= 0, flow < progress.count, !progress[flow].isOver else { return }
        guard update.events.contains(.fromOriginator) else {
            return noteReply(packet, update, slot)
        }
        switch packet.ipProtocol {
        case 6:
            if update.events.contains(.acknowledged) { return progress[flow].finish() }
            // The first data after an acknowledgment that nothing seen explains. The hosts of the
            // monitored networks are seen whole.
            guard packet.tcpFlags & 0x17 == 0x10, packet.payloadLength > 0,
                isOutside(packet.destination, update.flow),
                progress[flow].use()
            else { return }
            hosts[slot].oneSided.note(.used, HostState.keys(of: packet).edge, second: second)
        case 17:
            let age = (packet.time - update.start).nanoseconds / 1_000_000
            guard let stretch = progress[flow].step(at: UInt32(truncatingIfNeeded: age)) else {
                return
            }
            let key = HostState.keys(of: packet).edge
            let time = UInt64(bitPattern: Int64(packet.time.nanoseconds))
            hosts[slot].oneSided.note(
                stretch.isSlow ? .streams : .measurements, key ^ DistinctWindow.mix(time),
                second: second)
            if stretch.isFirst, packet.destinationPort >= 1024, !progress[flow].isUsual {
                hosts[slot].oneSided.note(.streams, key, second: second, isNovel: true)
            }
        default: break
        }
    }

    /// Notes the first packet of a flow that another may replace.
    private mutating func noteTry(_ packet: Packet, _ tag: UInt32, _ slot: Int, isFar: Bool) {
        let port = packet.destinationPort
        let key = HostState.keys(of: packet).edge
        if packet.ipProtocol == 17, port == 443 {
            if webPairs.contains(from: packet.destination, to: packet.source, second: second) {
                hosts[slot].oneSided.note(.replaced, key, second: second)
            }
            webPairs.note(from: packet.source, to: packet.destination, second: second)
        } else if packet.ipProtocol == 17, packet.isSTUN, port >= 1024 {
            hosts[slot].oneSided.note(.checks, key, second: second)
        }
        if !packet.destination.isIPv4, packet.ipProtocol == 6, isFar,
            let station = stationKey(of: slot, port)
        {
            fallbacks.note(station, tag, second: second)
        }
    }

    /// The key of a host's station and a service.
    @inline(__always)
    private func stationKey(of slot: Int, _ port: UInt16) -> UInt64? {
        let service = DistinctWindow.mix(UInt64(port) + 1)
        if hosts[slot].port != 0 { return UInt64(hosts[slot].port) << 48 ^ service }
        return hosts[slot].mac == .zero ? nil : hosts[slot].mac.value ^ service
    }

    /// Notes the responder's first packet on such a flow.
    private mutating func noteReply(_ packet: Packet, _ update: FlowUpdate, _ slot: Int) {
        // Also one that does not acknowledge the SYN: it answers a blind acknowledgment.
        let isReset = packet.ipProtocol == 6 && packet.tcpFlags & 0x04 != 0
        guard isReset || update.events.contains(.answered) else { return }
        if progress[Int(update.flow)].isUsual { return progress[Int(update.flow)].finish() }
        let key = Self.edge(answeredBy: packet)
        if isReset {
            return noteEarlyRefusal(
                slot, flow: update.flow, after: packet.time - update.start, key: key,
                isDatagram: false)
        }
        progress[Int(update.flow)].finish()
        if packet.ipProtocol == 17, packet.isSTUN {
            return hosts[slot].oneSided.note(.checks, key, second: second, isNovel: true)
        }
        guard resolver.resolve(packet.source, in: graph).place == .outside else { return }
        hosts[slot].oneSided.note(
            packet.source.isIPv4 ? .outside : .outsideIPv6, key, second: second, isNovel: true)
        if Self.mayBeOneWay(packet.ipProtocol, packet.sourcePort) {
            hosts[slot].oneSided.note(.datagrams, key, second: second, isNovel: true)
        }
        if packet.ipProtocol == 6 { hosts[slot].oneSided.note(.answers, key, second: second) }
    }

    /// The pair of a flow, by an answer.
    static func edge(answeredBy packet: Packet) -> UInt64 {
        HostState.keys(of: packet.source, packet.ipProtocol, packet.sourcePort).edge
    }

    /// Notes that a contact was refused soon: answers are seen, and a prober is told so.
    private mutating func noteEarlyRefusal(
        _ slot: Int, flow: Int32, after time: Interval, key: UInt64, isDatagram: Bool
    ) {
        let flow = Int(flow)
        guard flow >= 0, flow < progress.count, !progress[flow].isOver, !progress[flow].isUsual,
            time < Self.earlyRefusal
        else { return }
        // The sender of measurements does not read that their collector is down.
        if !isDatagram { progress[flow].finish() }
        hosts[slot].oneSided.note(.answers, key, second: second, isNovel: true)
    }

    /// Notes the ICMP error by which the target of a flow refuses it; not somebody in its name.
    mutating func noteRefusal(by packet: Packet, _ update: FlowUpdate, _ slot: Int) {
        guard packet.source == packet.quotedDestination else { return }
        let sender = sender(of: packet)
        guard !sender.isForeign, !sender.isNobody, !sender.isContested else { return }
        var request = Packet()
        request.ipProtocol = packet.quotedProtocol
        request.destination = packet.quotedDestination
        request.destinationPort = packet.quotedDestinationPort
        let key = HostState.keys(of: request).edge
        if resolver.resolve(packet.source, in: graph).place == .inside {
            hosts[slot].oneSided.note(.used, key, second: second, isNovel: true)
        }
        noteEarlyRefusal(
            slot, flow: update.relatedFlow, after: packet.time - update.relatedStart, key: key,
            isDatagram: packet.quotedProtocol == 17)
    }

    /// Notes that a host accepts a connection: what failed before it, over QUIC or IPv6, it
    /// replaces.
    mutating func noteReplacement(_ answer: Packet, _ slot: Int) {
        if answer.sourcePort == 443 {
            if webPairs.contains(from: answer.destination, to: answer.source, second: second) {
                var request = answer
                request.ipProtocol = 17
                hosts[slot].oneSided.note(
                    .replaced, Self.edge(answeredBy: request), second: second)
            }
            webPairs.note(from: answer.source, to: answer.destination, second: second)
        }
        if answer.source.isIPv4, let station = stationKey(of: slot, answer.sourcePort),
            let tag = fallbacks.take(station, second: second), let other = liveSlot(tag),
            resolver.resolve(answer.source, in: graph).place == .outside
        {
            hosts[other].oneSided.note(
                .replaced, Self.edge(answeredBy: answer), second: second, isNovel: true)
        }
    }
}
