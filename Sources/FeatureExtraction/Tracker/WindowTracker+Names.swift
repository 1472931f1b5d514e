import BaselineGraph
import PacketDecoding
import Timestamps

/// DNS questions of hosts.
extension WindowTracker {
    /// Notes that a host asks a server which the baseline knows as its resolver: what this asks for
    /// itself may be part of the answer. Any host can find another that asks it something.
    mutating func noteClient(_ packet: Packet, _ tag: UInt32) {
        guard packet.destinationPort == 53, mode == .training || tag & Self.newEdgeBit == 0,
            !isToItself(packet)
        else { return }
        relay.noteClient(of: packet.destination, second: second)
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
                    now[.bytesFromOutside] &+=
                        ((length - Self.ordinaryName + 3) >> 2) << Counters.amountBits
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
            || question.domain != 0 && hasGraph
                && Self.operatedDomains.contains(question.domain)
    }

    /// Domains below which a cloud or a content network gives names to its customers and answers
    /// the questions for them itself: no customer's server sees them.
    private static let operatedDomains = Set(
        [
            "amazonaws.com", "cloudfront.net", "akamai.net", "akamaiedge.net", "akamaized.net",
            "edgekey.net", "edgesuite.net", "akadns.net", "fastly.net", "fastlylb.net",
            "azureedge.net", "azurefd.net", "trafficmanager.net", "msedge.net", "b-cdn.net",
            "googleusercontent.com", "llnwd.net", "footprint.net",
        ].map(DNSMessage.domain(of:)))

    /// The length in bytes up to which a name, with a search domain, is ordinary.
    private static let ordinaryName = UInt64(Feature.dnsNameLength.ordinary)

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
