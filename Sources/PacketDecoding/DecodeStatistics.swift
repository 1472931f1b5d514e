/// Counters of decoded frames, and one for every kind of malformed frame. All count frames.
public struct DecodeStatistics: Equatable, Sendable {
    public var frames: UInt64 = 0
    /// Bytes on the wire of all frames.
    public var wireBytes: UInt64 = 0
    public var ipv4: UInt64 = 0
    public var ipv6: UInt64 = 0
    public var arp: UInt64 = 0
    /// Well-formed frames of other protocols, such as LLDP, STP and MACsec.
    public var notIP: UInt64 = 0
    public var fragments: UInt64 = 0
    public var tunnelled: UInt64 = 0
    public var dns: UInt64 = 0

    public var unsupportedLinkType: UInt64 = 0
    public var truncatedLink: UInt64 = 0
    public var truncatedVLAN: UInt64 = 0
    public var truncatedMPLS: UInt64 = 0
    public var truncatedPPPoE: UInt64 = 0
    public var truncatedARP: UInt64 = 0
    public var truncatedIPv4: UInt64 = 0
    /// The version nibble is not 4, or the header is shorter than 20 bytes (RFC 791).
    public var badIPv4Header: UInt64 = 0
    /// The length field is shorter than the header, or longer than the frame on the wire.
    public var badIPv4Length: UInt64 = 0
    public var truncatedIPv6: UInt64 = 0
    public var badIPv6Header: UInt64 = 0
    public var badIPv6Length: UInt64 = 0
    public var truncatedExtension: UInt64 = 0
    /// More extension headers than any sender needs.
    public var tooManyExtensions: UInt64 = 0
    public var truncatedTCP: UInt64 = 0
    /// Data offset below 5, or past the end of the packet (RFC 9293).
    public var badTCPOffset: UInt64 = 0
    public var truncatedUDP: UInt64 = 0
    /// Length below 8, or past the end of the packet (RFC 768).
    public var badUDPLength: UInt64 = 0
    public var truncatedICMP: UInt64 = 0
    public var truncatedSCTP: UInt64 = 0
    /// A truncated or invalid tunnel header; the outer packet is metered.
    public var badTunnel: UInt64 = 0
    /// More layers than the limit; the packet found so far is metered.
    public var nestingTooDeep: UInt64 = 0
    public var malformedDNS: UInt64 = 0
    public var wrongIPv4Checksum: UInt64 = 0
    public var wrongTransportChecksum: UInt64 = 0

    public init() {}

    /// Every counter with its name, those of well-formed frames first.
    public var named: [(name: String, count: UInt64)] {
        [
            ("frames", frames), ("wire_bytes", wireBytes), ("ipv4", ipv4), ("ipv6", ipv6),
            ("arp", arp), ("not_ip", notIP), ("fragments", fragments), ("tunnelled", tunnelled),
            ("dns", dns),
        ] + malformed
    }

    /// The counters of malformed frames.
    public var malformed: [(name: String, count: UInt64)] {
        [
            ("unsupported_link_type", unsupportedLinkType), ("truncated_link", truncatedLink),
            ("truncated_vlan", truncatedVLAN), ("truncated_mpls", truncatedMPLS),
            ("truncated_pppoe", truncatedPPPoE), ("truncated_arp", truncatedARP),
            ("truncated_ipv4", truncatedIPv4), ("bad_ipv4_header", badIPv4Header),
            ("bad_ipv4_length", badIPv4Length), ("truncated_ipv6", truncatedIPv6),
            ("bad_ipv6_header", badIPv6Header), ("bad_ipv6_length", badIPv6Length),
            ("truncated_extension", truncatedExtension), ("too_many_extensions", tooManyExtensions),
            ("truncated_tcp", truncatedTCP), ("bad_tcp_offset", badTCPOffset),
            ("truncated_udp", truncatedUDP), ("bad_udp_length", badUDPLength),
            ("truncated_icmp", truncatedICMP), ("truncated_sctp", truncatedSCTP),
            ("bad_tunnel", badTunnel), ("nesting_too_deep", nestingTooDeep),
            ("malformed_dns", malformedDNS), ("wrong_ipv4_checksum", wrongIPv4Checksum),
            ("wrong_transport_checksum", wrongTransportChecksum),
        ]
    }
}
