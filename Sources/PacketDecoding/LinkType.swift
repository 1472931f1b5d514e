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

    /// All types that `PacketDecoder` supports; the two literal numbers are DLT_RAW of some
    /// systems.
    public static let supported: [LinkType] = [
        .null, .ethernet, .ppp, .pppHDLC, .pppEthernet, .raw, .ciscoHDLC, .loop, .linuxCooked,
        .ipv4, .ipv6, .nflog, .linuxCooked2, LinkType(rawValue: 12), LinkType(rawValue: 14),
    ]
}
