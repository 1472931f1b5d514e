import NetworkAddresses
import SenderAttribution
import Timestamps

#if canImport(Glibc)
    import Glibc
#endif

extension HostState {
    /// Writes the raw values of the window of `scale` that ends with `second`.
    mutating func fill(_ values: inout FeatureValues, _ scale: Scale, _ second: Int) {
        let sum = sum(scale)
        func amount(_ counter: Counter) -> Float {
            switch counter {
            case .bytesOut: Float(sum.bytesOut)
            case .bytesIn: Float(sum.bytesIn)
            case .bytesOutside: Float(sum.bytesOutside)
            case .bytesFromOutside: Float(sum.bytesFromOutside)
            default: Float(sum[counter])
            }
        }
        func set(_ feature: Feature, _ value: Float) { values[feature.rawValue] = value }
        func low(_ counter: Counter) -> Float { Float(sum.low(counter)) }
        let peerCounts = peers.counts(scale, at: second)
        let portCounts = ports.counts(scale, at: second)
        var edgeCounts = edges.counts(scale, at: second)
        if edges.isEstimated {
            // Each peer and each port has a pair.
            edgeCounts.all = max(edgeCounts.all, peerCounts.all, portCounts.all)
            edgeCounts.novel = min(
                max(edgeCounts.novel, peerCounts.novel, portCounts.novel), edgeCounts.all)
        }
        func difference(_ count: UInt64, _ less: UInt64) -> Float {
            Float(count - min(count, less))
        }
        let failures = difference(sum.low(.flows), sum.low(.accepted) + pending)
        set(.flows, low(.flows))
        set(.packetsOut, low(.packetsOut))
        set(.bytesOut, amount(.bytesOut))
        set(.bytesIn, amount(.bytesIn))
        set(.peers, peerCounts.all)
        set(.ports, portCounts.all)
        set(.edges, edgeCounts.all)
        set(.flowsPerEdge, low(.flows) / max(edgeCounts.all, 1))
        set(.failed, failures)
        set(.failedShare, min(1, failures / (low(.flows) + 6)))
        set(.newEdges, edgeCounts.novel)
        set(
            .newEdgeFailed,
            difference(sum.high(.newEdges), sum.low(.newEdges)))
        set(.newPeers, peerCounts.novel)
        set(.newPorts, portCounts.novel)
        set(.newNetworks, networks.count(scale, at: second, novel: true))
        set(.newOutsidePeers, outsidePeers.count(scale, at: second, novel: true))
        set(.bytesOutside, amount(.bytesOutside))
        func excess(_ sent: Counter, _ fetched: Counter) -> Float {
            max(0, logf((amount(sent) + 30_000) / (amount(fetched) + 30_000)))
        }
        set(.outboundExcess, excess(.bytesOut, .bytesIn))
        set(.outsideExcess, excess(.bytesOutside, .bytesFromOutside))
        set(.bytesPerPacket, sum.low(.packetsOut) < 5 ? 0 : amount(.bytesOut) / low(.packetsOut))
        set(.dnsQueries, low(.dnsQueries))
        set(.dnsNewNames, names.count(scale, at: second, novel: true))
        let queries = sum.low(.dnsQueries)
        let hasNames = queries >= 3
        set(.dnsNameLength, hasNames ? Float(sum.low(.dnsNames)) / Float(queries) : 0)
        set(.dnsNameEntropy, hasNames ? Float(sum.high(.dnsNames)) / Float(queries) / 100 : 0)
        set(.nxdomain, low(.nxdomain))
        let pings = sum.high(.icmp)
        set(.icmpPackets, Float(pings))
        set(.icmpPayload, pings >= 3 ? Float(sum.low(.icmp)) / Float(pings) : 0)
        set(.arpTargets, arpTargets.count(scale, at: second))
        set(.foreignSources, foreignSources.count(scale, at: second))
        set(.served, low(.served))
        set(.logins, low(.logins))
        set(.failedLogins, Float(sum.high(.dnsQueries)))
        set(.unsolicited, Float(unsolicited.total(scale)))
        set(.unsolicitedTargets, unsolicited.targetCount(scale, at: second))
        set(.protocols, protocols.count(scale, at: second))
        set(.regularity, scale == .long ? beaconRegularity(second) : 0)
    }

    /// The features that are estimates, a bit each.
    var estimates: UInt64 {
        func bits(_ isEstimated: Bool, _ one: Feature, _ other: Feature? = nil) -> UInt64 {
            isEstimated ? 1 << one.rawValue | 1 << (other ?? one).rawValue : 0
        }
        return bits(peers.isEstimated, .peers, .newPeers)
            | bits(ports.isEstimated, .ports, .newPorts)
            | bits(edges.isEstimated, .edges, .newEdges)
            | bits(networks.isEstimated, .newNetworks)
            | bits(outsidePeers.isEstimated, .newOutsidePeers)
            | bits(names.isEstimated, .dnsNewNames)
            | bits(arpTargets.isEstimated, .arpTargets)
            | bits(foreignSources.isEstimated, .foreignSources)
            | bits(unsolicited.isEstimated, .unsolicitedTargets)
    }

    /// Whether a port or a handshake may be evidence for its short window.
    var mayBeProven: Bool {
        port != 0 || (sum(.short) &+ now).high(.proof) > 0
    }

    /// The evidence that this host caused the window of `scale` that ends with `second`.
    ///
    /// - Parameter sum: what was counted in it; nil: it is looked up.
    func evidence(_ scale: Scale, _ second: Int, _ sum: Counters? = nil) -> Evidence {
        if isContested { return .address }
        let start = second - scale.seconds
        let sum = sum ?? self.sum(scale)
        // Handshakes are no evidence for packets that belong to no connection.
        let opened = sum.low(.flows) + UInt64(unsolicited.total(scale))
        guard addressSecond > start else {
            // A single packet with no evidence but its MAC address makes that the window's
            // evidence.
            guard port == 0 || macSecond > start else { return .port }
            // MAC address and IP address can be forged together: the owner resets what it never
            // opened.
            let resets = sum.high(.nxdomain)
            return resets > 0 && resets * 2 >= opened ? .address : .mac
        }
        // Most of them: an owner's handshake must not be evidence for flows forged in its name.
        let completed = sum.high(.proof)
        return completed > 0 && completed * 2 >= opened ? .handshake : .address
    }

    /// The regularity of the most regular tracked peer.
    private func beaconRegularity(_ second: Int) -> Float {
        let now = Timestamp(second: second + 1)
        return tracks.reduce(0) { max($0, $1.regularity(now: now)) }
    }
}

extension HostState {
    /// Notes that a pair that is not in the baseline accepts a flow, or has done so before.
    mutating func noteAccepted(
        _ keys: (peer: UInt64, service: UInt64, edge: UInt64), second: Int
    ) {
        acceptedEdges.insert(keys.edge, second: second, isNovel: false)
        guard peers.isNovel(keys.peer) else { return }
        acceptedPeers.insert(keys.peer, second: second, isNovel: false)
    }

    /// The most packets a second that it sent in a bucket of `scale`.
    func peakPackets(_ scale: Scale) -> Float {
        var most: UInt64 = 0
        for index in scale.ringOffset..<scale.ringOffset + scale.bucketCount {
            most = max(most, ring[index]?.low(.packetsOut) ?? 0)
        }
        return Float(most) / Float(scale.bucketSeconds)
    }

    /// The flows without those of UDP in the three buckets of the long window with the most.
    var burstFlows: UInt64 {
        var most: (UInt64, UInt64, UInt64) = (0, 0, 0)
        for index in Scale.long.ringOffset..<Scale.ringSize {
            guard let bucket = ring[index] else { continue }
            let opened = bucket.low(.flows)
            let flows = opened - min(bucket.datagramFlows, opened)
            if flows > most.0 {
                most = (flows, most.0, most.1)
            } else if flows > most.1 {
                most = (most.0, flows, most.1)
            } else if flows > most.2 {
                most.2 = flows
            }
        }
        return most.0 + most.1 + most.2
    }
}

extension HostState {
    /// Writes what a window has besides its values and what its tracker knows of the port.
    ///
    /// Mutating, as what it calls: the host would otherwise be copied.
    mutating func complete(_ window: inout Window) {
        let (scale, second) = (window.scale, window.endSecond)
        let sum = sum(scale)
        window.evidence = evidence(scale, second, sum)
        window.estimates = estimates
        window.isContested = isContested
        window.forgedCount = Int(sum.low(.proof))
        window.usesOthers = othersSecond > second - scale.seconds
        window.isAnnounced = secretSecond <= second - scale.seconds
        window.handshakeCount = Int(sum.high(.proof))
        window.resetCount = Int(sum.high(.nxdomain))
        window.outageCount = Int(sum.high(.logins))
        window.cutCount = Int(sum.cutFlows)
        window.unansweredLogins = Int(sum.unansweredLogins)
        window.groupCount = Int(sum.high(.activity))
        window.newPairLogins = Int(sum.high(.flows))
        window.refusedLogins = Int(sum.high(.accepted))
        window.grantedLogins = Int(sum.high(.served))
        window.equalConversations = Int(sum.high(.packetsOut))
        window.nameExcess = Int(sum.nameExcess)
        window.datagramFlows = Int(sum.datagramFlows)
        window.burstFlows = scale == .long ? Int(burstFlows) : 0
        window.ageSeconds = second - firstSecond + 1
        window.contact = lastContact
        window.newContact = lastNewContact
        window.queryContact = queryContact
        window.loginContact = loginContact
        window.loginServiceContact = loginServiceContact
        window.unsolicited = unsolicited.counts(scale)
        window.unsolicitedContact = unsolicited.contact
        window.unanswered = Float(
            sum.low(.flows) - min(sum.low(.flows), sum.low(.accepted)))
        window.underWay = Float(underWay)
        window.newUnderWay = Float(newUnderWay)
        window.recent = Float(awaited.waiting(pending, at: second))
        window.unused = Float(unused(at: second, isEarly: false))
        // Only a flood is measured by it.
        window.peakPackets = window[.packetsOut] > 1000 ? peakPackets(scale) : 0
        window.recentNewEdges = edges.count(.short, at: second, novel: true)
        window.answeredARP = arpAnswers.count(scale, at: second)
        window.oneSided = oneSided.contacts(scale, at: second)
        let new = sum.high(.newEdges)
        window.newContacts = new > 0 ? newContacts : []
        window.newUnanswered = Int(new - min(new, sum.low(.newEdges)))
        window.newAccepted = Int(sum.low(.newEdges))
        let isTried = window.newUnanswered > 0
        window.acceptedNewEdges = isTried ? acceptedEdges.count(scale, at: second) : 0
        window.acceptedNewPeers = isTried ? acceptedPeers.count(scale, at: second) : 0
        window.requestedPairs = requested.count(scale, at: second)
    }
}

/// Answers that are on their way.
extension HostState {
    /// Counts a flow that is opened in the current second.
    ///
    /// - Parameter isFar: whether its receiver is outside.
    mutating func expectAnswer(_ start: Timestamp, isNew: Bool, isFar: Bool) {
        pending &+= 1
        awaited.note(start, isFar: isFar)
        guard Self.isLate(start) else { return }
        underWay &+= 1
        newUnderWay &+= isNew ? 1 : 0
    }

    /// Counts the answer to such a flow.
    mutating func noteAnswer(_ start: Timestamp, isNew: Bool) {
        pending -= min(pending, 1)
        guard Self.isLate(start) else { return }
        underWay -= min(underWay, 1)
        newUnderWay -= isNew ? min(newUnderWay, 1) : 0
    }

    /// Waits for no more answers: the second has ended.
    mutating func endSecond(_ second: Int) {
        awaited.endSecond(second, pending: UInt32(clamping: pending))
        (pending, underWay, newUnderWay) = (0, 0, 0)
        acknowledgedBefore = (acknowledged.all, second)
        acknowledged = (0, 0)
    }

    /// Counts a connection whose answer the host acknowledges: it may send its request next.
    mutating func noteAcknowledgment(_ time: Timestamp) {
        acknowledged.all &+= 1
        if Self.isLate(time) { acknowledged.late &+= 1 }
    }

    /// The connections of a pool that a client opens at once.
    private static let mostInPool: UInt32 = 1000

    /// The connections that it may use yet: a pool's, of the last two seconds, and any number of
    /// the last half second.
    ///
    /// - Parameter isEarly: whether `second` has not ended: all of it counts.
    func unused(at second: Int, isEarly: Bool) -> UInt32 {
        let isLast = acknowledgedBefore.second == second - 1
        let recent = acknowledged.all &+ (isLast ? acknowledgedBefore.count : 0)
        return isEarly ? recent : max(acknowledged.late, min(recent, Self.mostInPool))
    }

    private static func isLate(_ start: Timestamp) -> Bool {
        start.nanosecondOfSecond >= 500_000_000
    }
}

/// Addresses of networks that nobody knows.
extension HostState {
    private static let mostOwnIPv6 = 8

    /// Whether an IPv6 address that belongs to nobody else may be one of the host's own: it is in
    /// the first network from which the host's MAC address sends, as far as there are few.
    mutating func mayOwn(_ address: IPAddress) -> Bool {
        guard !address.isIPv4, !address.isLinkLocal, !address.isMulticast, !address.isMartian
        else { return false }
        if ownIPv6.contains(address) { return true }
        guard ownIPv6.count < Self.mostOwnIPv6, ownIPv6.first?.high ?? address.high == address.high
        else { return false }
        ownIPv6.append(address)
        return true
    }
}
