import BaselineGraph
import PacketDecoding
import Timestamps

/// DNS questions of hosts.
extension WindowTracker {
    /// Notes the questions in a packet of the opener of a flow.
    mutating func noteNames(_ packet: Packet, _ tag: UInt32, _ slot: Int, _ now: inout Counters) {
        let kind = packet.dns.kind
        if kind == .query || kind == .cut { noteClient(packet, tag) }
        if kind == .query, !relay.isRelayed(packet.dns.nameDigest, by: hosts[slot].address) {
            noteQuestion(packet, slot, isAskedOfUsual: tag & Self.newEdgeBit == 0, &now)
        }
        var unread = Int(packet.dns.unreadBytes)
        // A segment of which the first fragment has only the header.
        if packet.fragment == .later, packet.ipProtocol == 6, packet.destinationPort == 53 {
            unread = min(Int(packet.payloadLength), 253)
        }
        if unread > 0 { noteUnread(unread, packet, slot, &now) }
    }

    /// Notes that a host asks a server which the baseline knows as its resolver, or as that of
    /// others: what this asks for itself may be part of the answer. Any host can find another that
    /// asks it something.
    private mutating func noteClient(_ packet: Packet, _ tag: UInt32) {
        guard packet.destinationPort == 53, !isToItself(packet) else { return }
        if mode == .training || tag & Self.newEdgeBit == 0 {
            relay.noteServer(packet.destination, second: second)
        } else if !relay.isServer(packet.destination, second: second) {
            return
        }
        relay.noteClient(
            of: packet.destination, questions: max(Int(packet.dns.questionCount), 1),
            second: second)
    }

    /// Counts bytes of names that cannot be read, over TCP at a server that others ask as usual:
    /// what else goes to that port is no question.
    private mutating func noteUnread(
        _ bytes: Int, _ packet: Packet, _ slot: Int, _ now: inout Counters
    ) {
        guard packet.destinationPort == 53, !isToItself(packet),
            packet.ipProtocol == 17 || relay.isServer(packet.destination, second: second),
            !relay.isExplained(by: hosts[slot].address, second: second)
        else { return }
        // Short pieces are added up.
        hosts[slot].unreadNames += UInt32(bytes)
        let length = UInt64(hosts[slot].unreadNames)
        guard length > 2 * Self.ordinaryName else { return }
        hosts[slot].unreadNames = 0
        now[.dnsQueries] &+= 1
        now[.dnsNames] &+= min(length, 255)
        now[.bytesFromOutside] &+= ((length - Self.ordinaryName + 3) >> 2) << Counters.amountBits
        noteUnknownNames(1, packet, slot)
        hosts[slot].queryContact = Contact(to: packet, second: second)
    }

    /// Counts names that nobody has seen as names that are not in the baseline.
    private mutating func noteUnknownNames(_ count: Int, _ packet: Packet, _ slot: Int) {
        guard hasGraph else { return }
        let part = UInt64(packet.tcpSequence) << 32 | UInt64(packet.fragmentIdentifier)
        for number in 1...count {
            hosts[slot].names.insert(
                DistinctWindow.mix(part &+ UInt64(number)), second: second, isNovel: true)
        }
    }

    /// Counts a question that the host in `slot` asked for itself.
    ///
    /// - Parameter isAskedOfUsual: whether the baseline knows its server as such.
    mutating func noteQuestion(
        _ packet: Packet, _ slot: Int, isAskedOfUsual: Bool, _ now: inout Counters
    ) {
        let isNew = noteName(packet.dns.nameDigest, slot)
        if !relay.isExplained(by: hosts[slot].address, second: second) {
            now[.dnsQueries] &+= 1
            // The length and the digits of an address say nothing about who asks for it. Nor do
            // names that no server outside answers, with which a resolver tries its search domains.
            if !packet.dns.isReverse, !(isAskedOfUsual && isOfNobody(packet.dns)) {
                var length = UInt64(packet.dns.dataLength)
                let isLong = length > Self.ordinaryName
                let isFresh =
                    isLong && isNew && hosts[slot].longNames.note(packet.dns.nameDigest)
                // The usual server asks that of the domain: any other may answer for all domains.
                if isLong, isAskedOfUsual, hasGraph,
                    hosts[slot].longDomains.areFew(below: packet.dns.domain, isNew: isFresh)
                {
                    length = Self.ordinaryName
                }
                now[.dnsNames] &+= UInt64(packet.dns.nameEntropyHundredths) << 32 | length
                if isFresh {
                    let further = UInt64(packet.dns.furtherBytes)
                    now[.bytesFromOutside] &+=
                        ((length - Self.ordinaryName + further + 3) >> 2) << Counters.amountBits
                    if further > 0 { noteUnknownNames(Int(1 + further / 100), packet, slot) }
                }
            }
        }
        hosts[slot].queryContact = Contact(to: packet, second: second)
        if packet.dns.listedName != 0 { noteListedName(packet, slot) }
    }

    /// Whether nobody but a site, or the operator of a content network, sees the questions for a
    /// name.
    @inline(__always)
    private func isOfNobody(_ question: DNSMessage) -> Bool {
        question.isLocal
            || hasGraph && question.isOperated
    }

    /// The length in bytes up to which a name, with a search domain, is ordinary.
    private static let ordinaryName = UInt64(PacketDecoder.ordinaryName)

    /// Counts a name that is not in the baseline; returns whether it is none of those.
    private mutating func noteName(_ name: NameDigest, _ slot: Int) -> Bool {
        guard let graph else { return true }
        let epoch = mode == .training ? graph.epoch(of: second) : nil
        guard !CommunicationGraph.isKnown(graph.dnsNames[name], outside: epoch) else {
            return false
        }
        hosts[slot].names.insert(name.low, second: second, isNovel: true)
        return true
    }
}
