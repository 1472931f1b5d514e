#if canImport(Glibc)
    import Glibc
#endif

/// One component of a feature vector; the raw value is its column.
public enum Feature: Int, CaseIterable, Sendable {
    case flows, packetsOut, bytesOut, bytesIn
    case peers, ports, edges, flowsPerEdge
    case failed, failedShare
    case newEdges, newEdgeFailed, newPeers, newPorts, newNetworks, newOutsidePeers
    case bytesOutside, outboundExcess, bytesPerPacket
    case dnsQueries, dnsNewNames, dnsNameLength, dnsNameEntropy, nxdomain
    case icmpPackets, icmpPayload
    case arpTargets, foreignSources
    case regularity
    case served, logins
    case outsideExcess
    case unsolicited, unsolicitedTargets, protocols
    case failedLogins

    /// Whether it grows with the demand that a host serves, as a proxy forwards the requests that
    /// it gets.
    public var followsDemand: Bool {
        switch self {
        case .flows, .packetsOut, .bytesOut, .bytesIn, .flowsPerEdge, .failed, .dnsQueries, .edges,
            .logins, .failedLogins:
            true
        default: false
        }
    }

    /// Whether it only measures volume: more of the traffic that a host always has.
    public var isVolume: Bool {
        switch self {
        // Failed flows to the usual services are an outage; more data to the usual peers is a busy
        // hour.
        case .bytesPerPacket, .bytesOutside, .failedShare, .outboundExcess, .outsideExcess: true
        // After a restart, peers close connections that no longer exist.
        case .unsolicited, .unsolicitedTargets: true
        default: followsDemand
        }
    }

    /// The value, in its unit, up to which it is always ordinary, even if a short training saw
    /// less.
    public var ordinary: Float {
        switch self {
        // Names with a search domain appended, and the entropy of their letters and digits.
        case .dnsNameLength: 45
        case .dnsNameEntropy: 3.6
        // Random intervals reach up to one resolution above this.
        case .regularity: 0.2
        default: 0
        }
    }

    /// The number of columns of a vector.
    public static let count = Feature.allCases.count
}

/// The values of a window: `[Feature.count]`, one column per feature, each in its feature's unit.
/// Without memory of its own, as most windows are only compared.
public typealias FeatureValues = [36 of Float]

/// The description of a feature. Vectors, documentation, model files and explanations all use this
/// table.
public struct FeatureDescription: Sendable {
    public enum Transform: String, Sendable {
        /// ln(1 + value / scale), so a ratio has the same effect at every size.
        case logarithmic
        /// The value unchanged.
        case linear
    }

    public let feature: Feature
    /// The name in events, model files and documentation.
    public let name: String
    /// The unit of the raw value.
    public let unit: String
    public let transform: Transform
    /// The raw amount, in 10 s, below which differences have little effect.
    public let scale: Float
    /// The smallest significant difference, after the transform.
    public let resolution: Float
    /// What it counts, as text that follows a number: "distinct destination ports".
    public let counts: String
    /// The kinds of attack that it reveals.
    public let reveals: String

    /// The raw amount below which differences have little effect, in a window of `seconds`. It
    /// grows with the square root of the length, as random fluctuations do.
    public func scale(seconds: Int) -> Float {
        transform == .linear ? 1 : scale * FeatureMeasure.length(seconds: seconds)
    }

    /// `Feature.ordinary`, after the transform; all that have one are linear.
    public var ordinary: Float { feature.ordinary }

    /// The transformed value of a raw one, in a window of `seconds`.
    public func transformed(_ raw: Float, seconds: Int) -> Float {
        FeatureMeasure(self).transformed(raw, length: FeatureMeasure.length(seconds: seconds))
    }

    /// By how many of its resolutions a raw value is above another one, in a window of `seconds`; 0
    /// if it is not. It is the scale on which reasons are drawn.
    public func steps(from clean: Float, to raw: Float, seconds: Int) -> Float {
        let beyond = transformed(raw, seconds: seconds) - transformed(clean, seconds: seconds)
        return beyond.isFinite ? max(beyond / resolution, 0) : 0
    }

    /// The raw value of a transformed one.
    public func raw(_ transformed: Float, seconds: Int) -> Float {
        transform == .linear ? transformed : expm1f(transformed) * scale(seconds: seconds)
    }
}

/// The numbers of a feature's description, without its texts: every window reads all of them.
public struct FeatureMeasure: Sendable, BitwiseCopyable {
    private let isLinear: Bool
    private let scale: Float
    /// The smallest significant difference, after the transform.
    public let resolution: Float
    /// `Feature.ordinary`, after the transform; all that have one are linear.
    public let ordinary: Float
    public let followsDemand: Bool

    init(_ description: FeatureDescription) {
        isLinear = description.transform == .linear
        scale = description.scale
        resolution = description.resolution
        ordinary = description.feature.ordinary
        followsDemand = description.feature.followsDemand
    }

    /// The factor by which a window's length raises the scales: the square root of the length in
    /// tens of seconds.
    public static func length(seconds: Int) -> Float { (Float(seconds) / 10).squareRoot() }

    /// The transformed value of a raw one, in a window of this `length(seconds:)`.
    public func transformed(_ raw: Float, length: Float) -> Float {
        // Most amounts are 0, whose logarithm needs no computation.
        isLinear ? raw : raw <= 0 ? 0 : log1pf(raw / (scale * length))
    }

    /// The raw value of a transformed one.
    public func raw(_ transformed: Float, length: Float) -> Float {
        isLinear ? transformed : expm1f(transformed) * (scale * length)
    }
}

/// The version and the table of features. A model trained with another version is refused.
public enum FeatureSchema {
    /// Increased whenever a column is added or removed or changes its meaning.
    public static let version = 4

    /// The description of `feature`.
    public static func description(of feature: Feature) -> FeatureDescription {
        table[feature.rawValue]
    }

    /// All features, in column order.
    public static let table: [FeatureDescription] = [
        row(.flows, "flows", "flows", 5, 1.2, "flows opened", "floods, scans, guessing"),
        row(.packetsOut, "packets_out", "packets", 60, 1.4, "packets sent", "floods"),
        row(.bytesOut, "bytes_out", "bytes", 60_000, 1.4, "sent", "floods, exfiltration"),
        row(.bytesIn, "bytes_in", "bytes", 60_000, 1.6, "fetched", "bulk reading of a store"),
        row(.peers, "peers", "addresses", 3, 0.9, "distinct peers", "horizontal scans, worms"),
        row(.ports, "ports", "ports", 3, 0.9, "distinct destination ports", "vertical scans"),
        row(
            .edges, "edges", "peer and port pairs", 4, 0.9, "distinct peer and port pairs",
            "scans"),
        row(
            .flowsPerEdge, "flows_per_edge", "flows", 5, 1.2, "flows to each peer and port",
            "request floods, password guessing"),
        row(
            .failed, "failed", "flows", 5, 1.2, "flows refused or unanswered",
            "scans, floods, a service that is down"),
        row(
            .failedShare, "failed_share", "share", .linear, 0.5,
            "of the flows refused or unanswered",
            "scans, floods"),
        row(
            .newEdges, "new_edges", "peer and port pairs", 0.5, 0.45,
            "peer and port pairs that its baseline never used", "lateral movement, scans"),
        row(
            .newEdgeFailed, "new_edge_failed", "flows", 1, 0.6,
            "failed flows to pairs that its baseline never used", "scans"),
        row(
            .newPeers, "new_peers", "addresses", 1, 0.6, "peers that its baseline never met",
            "lateral movement, horizontal scans"),
        row(
            .newPorts, "new_ports", "ports", 1, 0.6, "ports that its baseline never used",
            "vertical scans, back doors"),
        row(
            .newNetworks, "new_networks", "networks", 0.5, 0.5,
            "networks that its baseline never reached", "lateral movement, exfiltration"),
        row(
            .newOutsidePeers, "new_outside_peers", "addresses", 1, 0.65,
            "outside addresses never seen before", "command and control, spreading"),
        row(
            .bytesOutside, "bytes_outside", "bytes", 20_000, 1.2, "sent outside",
            "exfiltration"),
        row(
            .outboundExcess, "outbound_excess", "ln(out/in)", .linear, 1.3,
            "as logarithm of bytes sent over bytes fetched", "exfiltration, floods"),
        row(
            .bytesPerPacket, "bytes_per_packet", "bytes", 300, 0.7, "bytes in each packet sent",
            "bulk transfer, tunnels"),
        row(.dnsQueries, "dns_queries", "queries", 6, 1.1, "DNS queries", "DNS tunnels"),
        row(
            .dnsNewNames, "dns_new_names", "names", 4, 0.9, "distinct names never asked before",
            "DNS tunnels, generated domains"),
        row(
            .dnsNameLength, "dns_name_length", "bytes", .linear, 22, "bytes in each name asked",
            "DNS tunnels"),
        row(
            .dnsNameEntropy, "dns_name_entropy", "bits per byte", .linear, 1.0,
            "bits per byte in the names asked", "DNS tunnels, generated domains"),
        row(
            .nxdomain, "nxdomain", "answers", 4, 1.1, "names that do not exist", "generated domains"
        ),
        row(
            .icmpPackets, "icmp_packets", "packets", 8, 1.1, "ICMP packets sent",
            "ICMP tunnels, sweeps"),
        row(
            .icmpPayload, "icmp_payload", "bytes", 150, 0.8, "bytes in each ICMP packet",
            "ICMP tunnels"),
        row(
            .arpTargets, "arp_targets", "addresses", 8, 0.9,
            "distinct addresses asked for by ARP or IPv6 neighbour discovery",
            "ARP sweeps"),
        row(
            .foreignSources, "foreign_sources", "addresses", 1, 0.5,
            "addresses of others used as source", "spoofing"),
        row(
            .regularity, "regularity", "1 - deviation/mean", .linear, 0.45,
            "as regularity of intervals or request sizes to one outside or new peer", "beacons"),
        row(
            .served, "served", "packets", 60, 8,
            "packets received on flows that others opened to services that the baseline has there",
            "nothing by itself: the demand that a relay passes on"),
        row(
            .logins, "logins", "flows", 1.5, 0.75, "flows opened to services that ask for a login",
            "a client of many stores, password guessing"),
        row(
            .outsideExcess, "outside_excess", "ln(out/in)", .linear, 1.3,
            "as logarithm of bytes sent outside over bytes fetched there", "exfiltration"),
        row(
            .unsolicited, "unsolicited", "packets", 5, 1.2,
            "packets that open no flow and continue none that is known",
            "FIN, NULL, Xmas, ACK and fragmented scans, ACK and RST floods"),
        row(
            .unsolicitedTargets, "unsolicited_targets", "peer and port pairs", 4, 0.9,
            "peer and port pairs that such packets were sent to",
            "FIN, NULL, Xmas, ACK and fragmented scans"),
        row(
            .protocols, "protocols", "protocols", 1, 0.65,
            "distinct IP protocols other than TCP, UDP and ICMP", "protocol scans"),
        row(
            .failedLogins, "failed_logins", "logins", 1.5, 0.75,
            "logins that were refused or cannot be read", "password guessing"),
    ]

    /// The numbers of all features, in column order.
    public static let measures = table.map { FeatureMeasure($0) }

    private static func row(
        _ feature: Feature, _ name: String, _ unit: String, _ scale: Float, _ resolution: Float,
        _ counts: String, _ reveals: String
    ) -> FeatureDescription {
        FeatureDescription(
            feature: feature, name: name, unit: unit, transform: .logarithmic, scale: scale,
            resolution: resolution, counts: counts, reveals: reveals)
    }

    private static func row(
        _ feature: Feature, _ name: String, _ unit: String,
        _ transform: FeatureDescription.Transform, _ resolution: Float, _ counts: String,
        _ reveals: String
    ) -> FeatureDescription {
        FeatureDescription(
            feature: feature, name: name, unit: unit, transform: transform, scale: 1,
            resolution: resolution, counts: counts, reveals: reveals)
    }
}
