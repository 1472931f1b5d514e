public import FeatureExtraction
import Indicators
internal import NetworkAddresses
import SenderAttribution
import Workloads

/// The kind of attack that an anomalous window clearly matches.
///
/// A pattern names an alert and decides whether it may lead to a fence. With a baseline, it never
/// raises an alert by itself: the forest's score does.
///
/// The raw value is the pattern's name in JSON, in events and in requests: the title in lower case,
/// with `_` for what is no letter or digit. It never changes.
public enum Pattern: String, CaseIterable, Sendable {
    case spoofing = "spoofed_source_addresses"
    case arpSweep = "arp_sweep"
    case nullScan = "null_scan"
    case finScan = "fin_scan"
    case xmasScan = "xmas_scan"
    case maimonScan = "maimon_scan"
    case ackScan = "ack_scan"
    case synAckScan = "syn_ack_scan"
    case invalidFlagsScan = "invalid_flags_scan"
    case fragmentedScan = "fragmented_scan"
    case protocolScan = "protocol_scan"
    case osFingerprinting = "os_fingerprinting"
    case nullFlood = "null_flood"
    case finFlood = "fin_flood"
    case xmasFlood = "xmas_flood"
    case ackFlood = "ack_flood"
    case synAckFlood = "syn_ack_flood"
    case rstFlood = "rst_flood"
    case invalidFlagsFlood = "invalid_flags_flood"
    case replyFlood = "reply_flood"
    case fragmentFlood = "fragment_flood"
    case broadcastFlood = "broadcast_flood"
    case verticalScan = "port_scan"
    case horizontalScan = "address_scan"
    case synFlood = "syn_flood"
    case packetFlood = "packet_flood"
    case requestFlood = "request_flood"
    case guessing = "password_guessing"
    case dnsTunnel = "dns_tunnel"
    case icmpTunnel = "icmp_tunnel"
    case exfiltration = "data_leaving"
    case beacon
    case slowRequests = "slow_requests"
    case lateralMovement = "lateral_movement"
    case newService = "contact_never_seen_before"
    case arpSpoofing = "arp_spoofing"
    case neighbourSpoofing = "ipv6_neighbour_spoofing"
    case macSpoofing = "mac_address_of_another_host"
    case nextHop = "forwarding_of_others_packets"
    case rogueDHCP = "rogue_dhcp_server"
    case rogueRouter = "rogue_router"
    case arpFlood = "arp_flood"
    case serviceDown = "service_refuses_its_clients"
    case retries = "retries_of_a_failed_contact"
    case listedAddress = "known_bad_address"
    case listedName = "known_bad_name"

    /// The title for an operator.
    public var title: String {
        switch self {
        case .spoofing: "spoofed source addresses"
        case .arpSweep: "ARP sweep"
        case .nullScan: "NULL scan"
        case .finScan: "FIN scan"
        case .xmasScan: "Xmas scan"
        case .maimonScan: "Maimon scan"
        case .ackScan: "ACK scan"
        case .synAckScan: "SYN/ACK scan"
        case .invalidFlagsScan: "invalid-flags scan"
        case .fragmentedScan: "fragmented scan"
        case .protocolScan: "protocol scan"
        case .osFingerprinting: "OS fingerprinting"
        case .nullFlood: "NULL flood"
        case .finFlood: "FIN flood"
        case .xmasFlood: "Xmas flood"
        case .ackFlood: "ACK flood"
        case .synAckFlood: "SYN/ACK flood"
        case .rstFlood: "RST flood"
        case .invalidFlagsFlood: "invalid-flags flood"
        case .replyFlood: "reply flood"
        case .fragmentFlood: "fragment flood"
        case .broadcastFlood: "broadcast flood"
        case .verticalScan: "port scan"
        case .horizontalScan: "address scan"
        case .synFlood: "SYN flood"
        case .packetFlood: "packet flood"
        case .requestFlood: "request flood"
        case .guessing: "password guessing"
        case .dnsTunnel: "DNS tunnel"
        case .icmpTunnel: "ICMP tunnel"
        case .exfiltration: "data leaving"
        case .beacon: "beacon"
        case .slowRequests: "slow requests"
        case .lateralMovement: "lateral movement"
        case .newService: "contact never seen before"
        case .arpSpoofing: "ARP spoofing"
        case .neighbourSpoofing: "IPv6 neighbour spoofing"
        case .macSpoofing: "MAC address of another host"
        case .nextHop: "forwarding of others' packets"
        case .rogueDHCP: "rogue DHCP server"
        case .rogueRouter: "rogue router"
        case .arpFlood: "ARP flood"
        case .serviceDown: "service refuses its clients"
        case .retries: "retries of a failed contact"
        case .listedAddress: "known bad address"
        case .listedName: "known bad name"
        }
    }

    /// Whether it is clear enough to fence the offender; the others only raise alerts.
    ///
    /// Any host that forwards packets, as one with Docker does, forwards those of others that send
    /// them to its MAC address: only announcements show that it asked for them.
    public var mayFence: Bool {
        switch self {
        case .nextHop, .beacon, .newService, .lateralMovement, .requestFlood, .slowRequests,
            .serviceDown, .retries, .listedAddress, .listedName:
            false
        default: true
        }
    }

    /// Whether a busy hour of clean traffic may look like it, so that only a baseline of enough
    /// windows can distinguish them.
    package var needsBaseline: Bool {
        switch self {
        case .guessing, .packetFlood, .exfiltration: true
        default: false
        }
    }

    /// Whether it is a host that takes another's place.
    public var isTakeover: Bool {
        switch self {
        case .arpSpoofing, .neighbourSpoofing, .macSpoofing, .nextHop, .rogueDHCP, .rogueRouter,
            .arpFlood:
            true
        default: false
        }
    }

    /// Whether it needs no baseline: it is never ordinary, so no score decides.
    package var isRule: Bool { isTakeover || self == .serviceDown || isIndicator }

    /// Whether lists of indicators say it, and not the traffic.
    public var isIndicator: Bool { self == .listedAddress || self == .listedName }

    /// The feature that measures it.
    public var measure: Feature {
        switch self {
        case .spoofing: .foreignSources
        case .arpSweep: .arpTargets
        case .nullScan, .finScan, .xmasScan, .maimonScan, .ackScan, .synAckScan,
            .invalidFlagsScan, .fragmentedScan:
            .unsolicitedTargets
        case .protocolScan: .protocols
        case .osFingerprinting, .nullFlood, .finFlood, .xmasFlood, .ackFlood, .synAckFlood,
            .rstFlood, .invalidFlagsFlood, .replyFlood, .fragmentFlood:
            .unsolicited
        case .verticalScan: .ports
        case .horizontalScan: .peers
        case .synFlood: .flows
        case .packetFlood, .broadcastFlood: .packetsOut
        case .requestFlood, .slowRequests: .flowsPerEdge
        case .guessing: .failedLogins
        case .dnsTunnel: .dnsQueries
        case .icmpTunnel: .icmpPackets
        case .exfiltration: .bytesOutside
        case .beacon: .regularity
        case .lateralMovement, .newService: .newEdges
        case .arpSpoofing, .neighbourSpoofing, .macSpoofing, .nextHop, .rogueDHCP, .rogueRouter,
            .arpFlood:
            .foreignSources
        case .serviceDown, .retries: .failed
        case .listedAddress: .peers
        case .listedName: .dnsQueries
        }
    }

    fileprivate init(_ kind: Takeover.Kind) {
        self =
            switch kind {
            case .arp: .arpSpoofing
            case .neighbour: .neighbourSpoofing
            case .macAddress: .macSpoofing
            case .nextHop: .nextHop
            case .dhcp: .rogueDHCP
            case .router: .rogueRouter
            case .flood: .arpFlood
            }
    }

    /// The text of a pattern that needs no baseline; nil for others.
    package func ruleText(of window: Window) -> String? {
        switch self {
        case .serviceDown: window.outage?.text
        case .listedAddress, .listedName: window.indicator?.text
        default: isTakeover ? window.takeover?.text : nil
        }
    }

    /// The amount in a window as text: "1002 distinct destination ports in 10 s".
    public func amount(in window: Window) -> String {
        if let text = ruleText(of: window) { return text }
        let description = FeatureSchema.description(of: measure)
        return Explanation.amount(window[measure], description, window)
            + " \(description.counts) in \(window.scale.seconds) s"
    }

    /// The clearest pattern in a window, and its strength in multiples of its least amount.
    ///
    /// A pattern that may not be fenced never takes precedence over one that may: a scan that finds
    /// a few open ports is still a scan.
    ///
    /// - Parameters:
    ///   - isAnomalous: whether a feature is beyond the clean range; always true without a
    ///   baseline.
    ///   - excluded: a pattern that is ignored.
    package static func match(
        _ window: Window, excluding excluded: Pattern? = nil, isAnomalous: (Feature) -> Bool
    ) -> (pattern: Pattern, strength: Float)? {
        let takeover = window.takeover.map { (Pattern($0.kind), takeoverStrength) }
        if let takeover, window.takeover?.evidence == .port { return takeover }
        // A ping of a network in another's name is answered to that one, by all of it.
        let broadcast = broadcastFlood.strength(in: window, isAnomalous: isAnomalous)
        if broadcast >= 1 { return (.broadcastFlood, broadcast) }
        let spoofed = spoofing.strength(in: window, isAnomalous: isAnomalous)
        let plain = strongest(of: window, mayFence: true, excluding: excluded, isAnomalous)
        if spoofed >= 1 {
            // An address that it announced, and nobody else uses, hides no attack either.
            guard let plain, plain.strength >= fenceStrength,
                isWeak(spoofed, window) || window.isAnnounced
            else {
                return (.spoofing, spoofed)
            }
            return plain
        }
        return plain ?? takeover
            ?? strongest(of: window, mayFence: false, excluding: excluded, isAnomalous)
    }

    /// Whether so few packets bear others' addresses that they do not explain what else the sender
    /// does: they would hide it otherwise.
    private static func isWeak(_ spoofed: Float, _ window: Window) -> Bool {
        spoofed < fenceStrength && Float(window.forgedCount) * 4 <= window[.packetsOut]
    }

    /// The strength, in multiples of a pattern's least amount, from which it may be fenced.
    package static let fenceStrength: Float = 1.5
    /// The strength of a takeover, which has no amount: that of a loud attack.
    private static let takeoverStrength: Float = 20

    /// The patterns with a strength, in order: those that may be fenced, those of them that need
    /// no unsolicited packet, and the others.
    private static let candidates:
        (
            fenced: [Pattern], withoutUnsolicited: [Pattern], others: [Pattern]
        ) = {
            let all = allCases.filter { !$0.isTakeover && !$0.isIndicator }
            let fenced = all.filter(\.mayFence)
            let needUnsolicited: Set<Feature> = [.unsolicited, .unsolicitedTargets]
            return (
                fenced, fenced.filter { !needUnsolicited.contains($0.measure) },
                all.filter { !$0.mayFence }
            )
        }()

    private static func strongest(
        of window: Window, mayFence: Bool, excluding excluded: Pattern?,
        _ isAnomalous: (Feature) -> Bool
    ) -> (pattern: Pattern, strength: Float)? {
        let patterns =
            !mayFence
            ? candidates.others
            // As in most windows.
            : window.unsolicited.isEmpty ? candidates.withoutUnsolicited : candidates.fenced
        var best: (pattern: Pattern, strength: Float)?
        for pattern in patterns where pattern != excluded {
            let strength = pattern.strength(in: window, isAnomalous: isAnomalous)
            // Earlier patterns are more specific; a later one must be clearly stronger.
            if strength >= 1, best.map({ strength > $0.strength * 3 }) ?? true {
                best = (pattern, strength)
            }
        }
        return best
    }

    /// The strength of this pattern in multiples of its least amount; below 1 it does not match.
    private func strength(in window: Window, isAnomalous: (Feature) -> Bool) -> Float {
        let flows = max(window[.flows], 1)
        let failedShare = window.unanswered / flows
        // A burst of contacts is no scan while their answers are on their way.
        let triedShare = (window.unanswered - min(window.underWay, Self.mostUnderWay)) / flows
        let length = (Float(window.scale.seconds) / 10).squareRoot()
        switch self {
        case .spoofing:
            // With the port as evidence, one borrowed address is enough, if it is used much.
            let proven = window.evidence == .port ? Float(window.forgedCount) / 20 : 0
            return max(proven, isAnomalous(.foreignSources) ? window[.foreignSources] / 3 : 0)
        case .arpSweep:
            // Who knows its neighbours asks for those that are there.
            let absent = window[.arpTargets] - window.answeredARP
            return isAnomalous(.arpTargets) ? absent / (12 * length) : 0
        case .nullScan, .finScan, .xmasScan, .maimonScan, .ackScan, .synAckScan,
            .invalidFlagsScan, .fragmentedScan:
            return unsolicitedScan(window, isAnomalous)
        case .protocolScan: return isAnomalous(.protocols) ? window[.protocols] / 5 : 0
        case .osFingerprinting: return oddFlags(window, isAnomalous)
        case .nullFlood, .finFlood, .xmasFlood, .ackFlood, .synAckFlood, .rstFlood,
            .invalidFlagsFlood, .replyFlood, .fragmentFlood:
            return unsolicitedFlood(window, isAnomalous)
        case .verticalScan:
            let replies = window.unsolicited.dominant?.kind == .reply ? scanned(window) : 0
            if replies >= 1, isAnomalous(.unsolicitedTargets) { return replies }
            guard isAnomalous(.ports) || isAnomalous(.newPorts) || isAnomalous(.newEdges) else {
                return 0
            }
            let fresh = window[.newPorts] >= newPeers(window) ? freshlyFailed(window) : 0
            guard window[.ports] >= window[.peers], triedShare > 0.5 else { return fresh }
            return max(fresh, window[.ports] / 10)
        case .horizontalScan:
            guard isAnomalous(.peers) || isAnomalous(.newEdges) else { return 0 }
            let fresh = newPeers(window) > window[.newPorts] ? freshlyFailed(window) : 0
            let swept = max(fresh, silentHosts(window))
            guard window[.peers] > window[.ports] else { return swept }
            guard triedShare > 0.4 else { return max(swept, silentOutside(window)) }
            return max(swept, window[.peers] / 10)
        case .broadcastFlood:
            guard isAnomalous(.packetsOut) || isAnomalous(.icmpPackets) else { return 0 }
            return Float(window.groupCount) / (200 * length)
        case .synFlood:
            return window.lastContact.ipProtocol == 6 ? flowFlood(window, isAnomalous) : 0
        case .packetFlood:
            var flows = window.lastContact.ipProtocol == 6 ? 0 : flowFlood(window, isAnomalous)
            // Pings are answered: as much is fetched as sent.
            if isAnomalous(.icmpPackets) {
                flows = max(flows, window[.icmpPackets] / (1000 * length))
            }
            guard isAnomalous(.packetsOut) else { return flows }
            // What other hosts send meanwhile excuses nothing.
            guard window[.outboundExcess] > 0.7 else { return max(flows, silentDatagrams(window)) }
            guard window[.bytesPerPacket] < 1200 else { return max(flows, oneWay(window)) }
            guard !isUpload(window) else { return flows }
            let packets = window[.packetsOut] - packetsEach * retried(window)
            return max(flows, packets / (1000 * length))
        case .requestFlood:
            guard isAnomalous(.flows) || isAnomalous(.flowsPerEdge), failedShare < 0.5 else {
                return 0
            }
            return window[.flowsPerEdge] / (400 * length)
        case .guessing: return guessing(window, isAnomalous)
        case .dnsTunnel: return dnsTunnel(window, isAnomalous)
        case .icmpTunnel:
            guard isAnomalous(.icmpPackets) || isAnomalous(.icmpPayload) else { return 0 }
            let bytes = window[.icmpPackets] * window[.icmpPayload]
            return window[.icmpPayload] > 100 ? bytes / (3000 * length) : 0
        case .exfiltration:
            guard isAnomalous(.bytesOutside), window[.outsideExcess] > 0.7,
                window[.bytesPerPacket] > 400
            else { return 0 }
            return window[.bytesOutside] / (100_000 * length)
        case .beacon:
            return isAnomalous(.regularity) && window[.regularity] > 0.6
                ? window[.regularity] / 0.6 : 0
        case .slowRequests: return slowRequests(window, isAnomalous)
        case .lateralMovement:
            return isAnomalous(.newEdges) ? movement(window) : 0
        case .newService:
            guard window.hasUnknownPeers else { return 0 }
            return isAnomalous(.newEdges) || isAnomalous(.newPeers) || isAnomalous(.newNetworks)
                || isAnomalous(.newOutsidePeers) ? 1 : 0
        case .serviceDown: return window.outage == nil ? 0 : 1
        case .retries:
            guard isManyFlows(window, isAnomalous) else { return 0 }
            return retried(window) / (100 * length)
        case .arpSpoofing, .neighbourSpoofing, .macSpoofing, .nextHop, .rogueDHCP, .rogueRouter,
            .arpFlood, .listedAddress, .listedName:
            return 0
        }
    }
}
