import AnomalyModel
import AttackPatterns
import FeatureExtraction
import SenderAttribution

/// When the traffic was sent that a verdict rests on.
///
/// A window slides over the same packets for as long as it is: ordinary traffic completes further
/// windows with an old attack in them. Such a verdict is still right, but nothing new happened.
extension Verdict {
    /// The seconds of the newest bucket whose traffic it rests on.
    ///
    /// A bucket counts if it has at least its share of the least amount that would be reported, in
    /// what the pattern or the features beyond the clean range count. Less than that in every later
    /// bucket is less than that amount in all of them.
    public var lastTraffic: ClosedRange<Int> {
        newestTraffic ?? window.endSecond - window.scale.bucketSeconds + 1...window.endSecond
    }

    /// The verdict with its last traffic, and without the buckets by which that was found: verdicts
    /// are kept.
    func settled() -> Verdict {
        var verdict = self
        if verdict.newestTraffic == nil { verdict.newestTraffic = foundTraffic }
        if let received, !received.wrappedValue.buckets.isEmpty {
            var target = received.wrappedValue
            target.buckets = []
            verdict.received = Boxed(wrappedValue: target)
        }
        guard !window.buckets.isEmpty else { return verdict }
        verdict.window.buckets = WindowBuckets()
        if case .window(var judged) = grounds {
            judged.window.buckets = WindowBuckets()
            verdict.grounds = .window(judged)
        }
        return verdict
    }

    private var foundTraffic: ClosedRange<Int>? {
        if let against { return Self.range(newest(in: against), against.scale, against.endSecond) }
        if pattern?.isTakeover == true { return window.takeover.map { $0.second...$0.second } }
        if pattern == .serviceDown { return window.outage.map { $0.second...$0.second } }
        guard !window.buckets.isEmpty, pattern?.isIndicator != true else { return nil }
        if pattern == .beacon { return bucket(of: window.regularContact.second) }
        return Self.range(newestBucket, window.scale, window.endSecond)
    }

    private static func range(_ age: Int?, _ scale: Scale, _ endSecond: Int) -> ClosedRange<Int>? {
        guard let age else { return nil }
        let last = endSecond - age * scale.bucketSeconds
        return last - scale.bucketSeconds + 1...last
    }

    /// The bucket of a second of the window; nil: it is not in it.
    private func bucket(of second: Int) -> ClosedRange<Int>? {
        guard (window.startSecond...window.endSecond).contains(second) else { return nil }
        let age = (window.endSecond - second) / window.scale.bucketSeconds
        return Self.range(age, window.scale, window.endSecond)
    }

    /// The age of a target's newest bucket that counts.
    private func newest(in target: TargetWindow) -> Int? {
        let amounts = target.buckets.map { counts in
            pattern == .guessing ? counts[.logins] : counts.total
        }
        return amounts.map(Double.init).newestShare(times: Double(strength))
    }

    /// The age of the newest bucket that counts, in buckets.
    private var newestBucket: Int? {
        let unusual = grounds.unusual
        if let pattern {
            let amounts = pattern.amounts.lazy.map { window.buckets.amounts($0) }
            guard let found = amounts.first(where: { $0.contains { $0 > 0 } }) else { return nil }
            // A single flow is as new as the first.
            if pattern.isNovelty { return found.newestShare(times: .infinity) }
            let own = unusual.first { $0.feature == pattern.measure }?.times ?? .infinity
            return found.newestShare(times: min(Double(strength), own))
        }
        return unusual.compactMap { feature, times in
            window.buckets.amounts(feature.amount).newestShare(
                times: feature.isNovelty ? .infinity : times)
        }.min()
    }
}

extension Grounds {
    /// The features beyond the clean range, and how many times the amount from which they are; 1
    /// for a ratio, which no bucket has a share of.
    fileprivate var unusual: [(feature: Feature, times: Double)] {
        switch self {
        case .stated(let reasons):
            reasons.map { reason in
                let isCount = reason.feature.isAmount && reason.baselineLargest > 0
                return (
                    reason.feature, isCount ? Double(reason.value / reason.baselineLargest) : 1
                )
            }
        case .window(let judged):
            Feature.allCases.filter { judged.excess[$0.rawValue] >= 1 }.map { feature in
                let description = FeatureSchema.description(of: feature)
                let least = description.raw(
                    judged.baseline.largest[feature.rawValue] + description.resolution,
                    seconds: judged.window.scale.seconds)
                let isCount = feature.isAmount && least > 0
                return (feature, isCount ? Double(judged.window[feature] / least) : 1)
            }
        }
    }
}

extension Feature {
    /// Whether it is the sum of what its buckets have.
    fileprivate var isAmount: Bool {
        switch self {
        case .flowsPerEdge, .failedShare, .outboundExcess, .outsideExcess, .bytesPerPacket,
            .dnsNameLength, .dnsNameEntropy, .icmpPayload, .regularity:
            false
        default: true
        }
    }

    /// What is counted when it rises.
    fileprivate var amount: WindowBuckets.Amount {
        switch self {
        case .flows, .flowsPerEdge, .edges, .ports, .peers, .regularity: .flows
        case .packetsOut: .packets
        case .bytesOut, .outboundExcess, .bytesPerPacket: .bytesOut
        case .bytesIn: .bytesIn
        case .failed, .failedShare: .failed
        case .newEdges, .newPeers, .newPorts, .newNetworks, .newOutsidePeers, .protocols: .newFlows
        case .newEdgeFailed: .failedNewFlows
        case .bytesOutside, .outsideExcess: .bytesOutside
        case .dnsQueries, .dnsNewNames, .dnsNameLength, .dnsNameEntropy: .queries
        case .nxdomain: .nxdomain
        case .icmpPackets: .pings
        case .icmpPayload: .pingBytes
        case .arpTargets: .askedAddresses
        case .foreignSources: .forged
        case .served: .served
        case .logins: .logins
        case .failedLogins: .failedLogins
        case .unsolicited, .unsolicitedTargets: .unsolicited
        }
    }
}

extension Pattern {
    /// Whether every single flow of it is one too many.
    fileprivate var isNovelty: Bool {
        switch self {
        case .newService, .lateralMovement, .spoofing: true
        default: false
        }
    }

    /// What its traffic is counted as; of several, the first that the window has.
    fileprivate var amounts: [WindowBuckets.Amount] {
        switch self {
        case .spoofing: [.forged]
        case .arpSweep: [.askedAddresses]
        case .nullScan, .finScan, .xmasScan, .maimonScan, .ackScan, .synAckScan,
            .invalidFlagsScan, .fragmentedScan, .osFingerprinting, .nullFlood, .finFlood,
            .xmasFlood, .ackFlood, .synAckFlood, .rstFlood, .invalidFlagsFlood, .replyFlood,
            .fragmentFlood:
            [.unsolicited]
        case .verticalScan, .horizontalScan: [.failedNewFlows, .failed, .unsolicited, .flows]
        case .protocolScan, .newService, .lateralMovement: [.newFlows, .flows]
        case .broadcastFlood: [.toAll]
        case .synFlood, .requestFlood, .slowRequests: [.flows]
        case .packetFlood: [.packets]
        case .guessing: [.failedLogins, .logins, .flows]
        case .dnsTunnel: [.queries]
        case .icmpTunnel: [.pingBytes]
        case .exfiltration: [.bytesOutside]
        case .retries: [.failed]
        // They have times of their own.
        case .beacon, .serviceDown, .arpSpoofing, .neighbourSpoofing, .macSpoofing, .nextHop,
            .rogueDHCP, .rogueRouter, .arpFlood, .listedAddress, .listedName:
            []
        }
    }
}
