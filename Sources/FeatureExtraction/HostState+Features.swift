#if canImport(Glibc)
    import Glibc
#endif

extension HostState {
    /// Writes the raw values of the window of `scale` that ends with `second`.
    mutating func fill(_ values: inout [Float], _ scale: Scale, _ second: Int) {
        let sum = sum(scale)
        func amount(_ counter: Counter) -> Float { Float(sum[counter]) }
        func set(_ feature: Feature, _ value: Float) { values[feature.rawValue] = value }
        func mean(_ total: Counter, _ count: Counter, from least: UInt64) -> Float {
            sum[count] < least ? 0 : amount(total) / amount(count)
        }
        let edgeCount = edges.count(scale, at: second)
        let failures = Float(sum[.flows] - min(sum[.flows], sum[.accepted]))
        set(.flows, amount(.flows))
        set(.packetsOut, amount(.packetsOut))
        set(.bytesOut, amount(.bytesOut))
        set(.bytesIn, amount(.bytesIn))
        set(.peers, peers.count(scale, at: second))
        set(.ports, ports.count(scale, at: second))
        set(.edges, edgeCount)
        set(.flowsPerEdge, amount(.flows) / max(edgeCount, 1))
        set(.failed, failures)
        set(.failedShare, min(1, failures / (amount(.flows) + 6)))
        set(.newEdges, edges.count(scale, at: second, novel: true))
        set(
            .newEdgeFailed,
            Float(sum[.newEdgeFlows] - min(sum[.newEdgeFlows], sum[.newEdgeAccepted])))
        set(.newPeers, peers.count(scale, at: second, novel: true))
        set(.newPorts, ports.count(scale, at: second, novel: true))
        set(.newNetworks, networks.count(scale, at: second, novel: true))
        set(.newOutsidePeers, outsidePeers.count(scale, at: second, novel: true))
        set(.bytesOutside, amount(.bytesOutside))
        set(
            .outboundExcess,
            max(0, logf((amount(.bytesOut) + 30_000) / (amount(.bytesIn) + 30_000))))
        set(.bytesPerPacket, mean(.bytesOut, .packetsOut, from: 5))
        set(.dnsQueries, amount(.dnsQueries))
        set(.dnsNewNames, names.count(scale, at: second, novel: true))
        let queries = sum[.dnsQueries]
        let hasNames = queries >= 3
        set(.dnsNameLength, hasNames ? Float(sum[.dnsNames] & 0xFFFF_FFFF) / Float(queries) : 0)
        set(.dnsNameEntropy, hasNames ? Float(sum[.dnsNames] >> 32) / Float(queries) / 100 : 0)
        set(.nxdomain, amount(.nxdomain))
        set(.icmpPackets, amount(.icmpPackets))
        set(.icmpPayload, mean(.icmpBytes, .icmpPackets, from: 3))
        set(.arpTargets, arpTargets.count(scale, at: second))
        set(.foreignSources, foreignSources.count(scale, at: second))
        set(.served, amount(.served))
        set(.logins, amount(.logins))
        set(.regularity, scale == .long ? beaconRegularity(second) : 0)
    }

    /// The most regular of the tracked peers.
    private func beaconRegularity(_ second: Int) -> Float {
        let now = Int64(second + 1) * 1_000_000_000
        return tracks.reduce(0) { max($0, $1.regularity(now: now)) }
    }
}
