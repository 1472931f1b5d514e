/// The type of a frame's first header, as libpcap's LINKTYPE number
/// (www.tcpdump.org/linktypes.html).
public struct LinkType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    public let rawValue: Int32
    @inlinable
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// BSD loopback: the address family in the capturing host's byte order.
    public static let null = LinkType(rawValue: 0)
    public static let ethernet = LinkType(rawValue: 1)
    public static let ppp = LinkType(rawValue: 9)
    public static let pppHDLC = LinkType(rawValue: 50)
    /// PPPoE without its Ethernet header.
    public static let pppEthernet = LinkType(rawValue: 51)
    public static let raw = LinkType(rawValue: 101)
    public static let ciscoHDLC = LinkType(rawValue: 104)
    /// OpenBSD loopback: the address family in network byte order.
    public static let loop = LinkType(rawValue: 108)
    /// Linux cooked capture v1.
    public static let linuxCooked = LinkType(rawValue: 113)
    public static let ipv4 = LinkType(rawValue: 228)
    public static let ipv6 = LinkType(rawValue: 229)
    public static let nflog = LinkType(rawValue: 239)
    /// Linux cooked capture v2.
    public static let linuxCooked2 = LinkType(rawValue: 276)

    // Of other machines' captures.
    /// ATM with LLC (RFC 2684).
    public static let rfc1483 = LinkType(rawValue: 100)
    public static let ieee80211 = LinkType(rawValue: 105)
    public static let frameRelay = LinkType(rawValue: 107)
    /// The BSDs' interface of IPsec.
    public static let enc = LinkType(rawValue: 109)
    /// The log of the BSDs' packet filter.
    public static let pflog = LinkType(rawValue: 117)
    /// IEEE 802.11 with the header of a Prism card, or with that of AVS.
    public static let prism = LinkType(rawValue: 119)
    /// IEEE 802.11 with a radiotap header.
    public static let radiotap = LinkType(rawValue: 127)
    public static let arcnetLinux = LinkType(rawValue: 129)
    /// IP over IEEE 1394 of macOS.
    public static let ieee1394 = LinkType(rawValue: 138)
    /// For private use; old versions of macOS write `pktap` as this.
    public static let user2 = LinkType(rawValue: 149)
    /// IEEE 802.11 with the header of AVS.
    public static let avs = LinkType(rawValue: 163)
    /// PPP of Linux, with the direction in place of the address.
    public static let pppLinux = LinkType(rawValue: 166)
    public static let juniperEthernet = LinkType(rawValue: 178)
    /// Per-packet information before another link type.
    public static let ppi = LinkType(rawValue: 192)
    public static let pppWithDirection = LinkType(rawValue: 204)
    public static let ciscoHDLCWithDirection = LinkType(rawValue: 205)
    public static let frameRelayWithDirection = LinkType(rawValue: 206)
    public static let mpls = LinkType(rawValue: 219)
    /// The IPNET device of Solaris.
    public static let ipnet = LinkType(rawValue: 226)
    /// IP over InfiniBand.
    public static let infiniband = LinkType(rawValue: 242)
    /// macOS's packet tap before another link type.
    public static let pktap = LinkType(rawValue: 258)
    // Ethernet with the tag of a switch chip.
    public static let broadcomTag = LinkType(rawValue: 281)
    public static let broadcomPrepended = LinkType(rawValue: 282)
    public static let dsaTag = LinkType(rawValue: 284)
    public static let edsaTag = LinkType(rawValue: 285)

    /// All types that `PacketDecoder` supports; the two literal numbers are DLT_RAW of some
    /// systems.
    public static let supported: [LinkType] = [
        .null, .ethernet, .ppp, .pppHDLC, .pppEthernet, .raw, .ciscoHDLC, .loop, .linuxCooked,
        .ipv4, .ipv6, .nflog, .linuxCooked2, LinkType(rawValue: 12), LinkType(rawValue: 14),
        .rfc1483, .ieee80211, .frameRelay, .enc, .pflog, .prism, .radiotap, .arcnetLinux,
        .ieee1394, .user2, .avs, .pppLinux, .juniperEthernet, .ppi, .pppWithDirection,
        .ciscoHDLCWithDirection, .frameRelayWithDirection, .mpls, .ipnet, .infiniband, .pktap,
        .broadcomTag, .broadcomPrepended, .dsaTag, .edsaTag,
    ]
}
