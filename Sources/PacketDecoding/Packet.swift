public import NetworkAddresses
public import Timestamps

/// The fields of one frame that metering and features need: the innermost IP packet, its
/// encapsulation, and the frame's sender. A plain value of fixed size; every field is set for each
/// frame.
public struct Packet: Sendable, BitwiseCopyable {
    /// The time of the capture.
    public var time = Timestamp.epoch
    /// The length of the frame on the wire in bytes.
    public var wireLength: UInt32 = 0
    /// What the frame carries.
    public var kind: Kind = .other

    // Innermost IP header.
    /// 4 or 6; 0 without an IP header.
    public var ipVersion: UInt8 = 0
    /// Protocol number (IANA) of the payload after extension headers; 6 TCP, 17 UDP, 1 ICMP, 58
    /// ICMPv6, 132 SCTP.
    public var ipProtocol: UInt8 = 0
    /// The source of the innermost IP header; for ARP, the sender's protocol address.
    public var source: IPAddress = .unspecified
    /// The destination of the innermost IP header; for ARP, the target's protocol address.
    public var destination: IPAddress = .unspecified
    /// Source port; 0 without ports. For ICMP echo the identifier is in `icmpIdentifier`.
    public var sourcePort: UInt16 = 0
    /// Destination port; 0 without ports.
    public var destinationPort: UInt16 = 0
    /// The length of the IP packet in bytes with its header, by its length field.
    public var ipLength: UInt32 = 0
    /// Bytes after the transport header, by the IP length.
    public var payloadLength: UInt32 = 0
    /// Fragment state of the innermost IP packet.
    public var fragment: Fragment = .none
    /// Identification of a fragment.
    public var fragmentIdentifier: UInt32 = 0

    // Transport.
    /// FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128 (RFC 9293).
    public var tcpFlags: UInt8 = 0
    /// The type of an SCTP packet's first chunk: 1 INIT, 6 ABORT (RFC 9260); 0 also without one.
    public var sctpChunk: UInt8 = 0
    public var tcpSequence: UInt32 = 0
    public var tcpAcknowledgment: UInt32 = 0
    public var tcpWindow: UInt16 = 0
    public var icmpType: UInt8 = 0
    public var icmpCode: UInt8 = 0
    public var icmpIdentifier: UInt16 = 0
    /// ARP operation: 1 request, 2 reply (RFC 826).
    public var arpOperation: UInt16 = 0
    /// The MAC address that ARP or neighbour discovery announces for `announced`; zero if it is
    /// the frame's own.
    public var arpSenderMAC: MACAddress = .zero
    /// What the packet tells the hosts of its link to believe; `none` for ARP, which has a kind.
    public var announcement: Announcement = .none
    /// Whether a UDP payload is a message of STUN with its magic cookie (RFC 8489), as two ends of
    /// a call exchange to check a path (RFC 8445).
    public var isSTUN = false
    /// What a TCP payload says about a login.
    public var login: LoginMessage = .none
    /// A digest of what an attempt to log in over HTTP or to Redis tries, with its server; 0 if
    /// that cannot be read as a whole.
    public var credentials: UInt32 = 0

    // Encapsulation.
    /// Source MAC address of the outermost frame; zero without Ethernet.
    public var sourceMAC: MACAddress = .zero
    public var destinationMAC: MACAddress = .zero
    /// The source's number of the port that the frame came by; 0: unknown.
    public var port: UInt32 = 0
    /// The packet type: for which receiver, and whether incoming or outgoing.
    public var packetType: PacketType = .unknown
    /// Outermost VLAN id, 0 without a tag (IEEE 802.1Q).
    public var vlan: UInt16 = 0
    /// Inner VLAN id of QinQ, 0 without.
    public var innerVLAN: UInt16 = 0
    /// VXLAN or GENEVE network id, NVGRE subnet id, GTP tunnel id or GRE key; 0 without a tunnel.
    public var tunnelIdentifier: UInt32 = 0
    public var tunnel: Tunnel = .none
    /// Outermost IP pair of a tunnelled packet; unspecified without a tunnel.
    public var outerSource: IPAddress = .unspecified
    public var outerDestination: IPAddress = .unspecified
    /// Ports, protocol and IP length of that packet; 0 without a tunnel.
    public var outerSourcePort: UInt16 = 0
    public var outerDestinationPort: UInt16 = 0
    public var outerProtocol: UInt8 = 0
    public var outerLength: UInt32 = 0

    // The packet that an ICMP error quotes (RFC 792, RFC 4443). A neighbour solicitation or
    // advertisement, and a redirect of IPv6, has its target in `quotedSource`.
    /// The protocol of the quoted packet; 0 if there is none or its ports were cut off.
    public var quotedProtocol: UInt8 = 0
    public var quotedSource: IPAddress = .unspecified
    public var quotedDestination: IPAddress = .unspecified
    public var quotedSourcePort: UInt16 = 0
    public var quotedDestinationPort: UInt16 = 0
    /// The gateway that a redirect of IPv4 names, as a number; the seconds for which a router
    /// advertises itself or a route.
    public var routeWord: UInt32 = 0

    /// A field of the flow table: the hash of the flow's key, set by `FlowMeter.prepare`; 0 before.
    public var flowHash: UInt64 = 0
    /// A field of the flow table: whether the sender is the higher end, set by `FlowMeter.prepare`.
    public var isFromHigh = false
    /// A field of the flow table: the slot that `FlowMeter.prefetch` found, counted from 1; 0 if
    /// none.
    public var flowHint: Int32 = 0

    /// The DNS message over UDP or TCP port 53; `dns.kind == .none` for all other packets.
    public var dns = DNSMessage()

    /// Creates an empty packet.
    public init() {}

    public enum Kind: UInt8, Sendable, BitwiseCopyable {
        /// Neither IP nor ARP, or cut off before the end of its IP header.
        case other
        case arp
        case ip
    }

    public enum Fragment: UInt8, Sendable, BitwiseCopyable {
        case none
        /// The first fragment, with offset zero and the transport header.
        case first
        /// A later fragment without a transport header; its ports are zero until the flow table
        /// finds them.
        case later
    }

    /// A message by which hosts learn addresses and routes of their link.
    public enum Announcement: UInt8, Sendable, BitwiseCopyable {
        case none
        /// Neighbour solicitation or advertisement (RFC 4861) with a link-layer address.
        case neighbour
        /// Router advertisement (RFC 4861).
        case router
        /// ICMP redirect (RFC 792, RFC 4861).
        case redirect
        /// From a DHCP server to its client (RFC 2131, RFC 8415).
        case dhcpReply
    }

    public enum Tunnel: UInt8, Sendable, BitwiseCopyable {
        case none, vxlan, geneve, gre, ipInIP, gtpU
    }
}

/// The packet type of a frame, from the kernel of the capturing machine (`PACKET_…` of packet(7)).
public enum PacketType: UInt8, Sendable, BitwiseCopyable {
    /// For the interface that it came in by.
    case host = 0
    case broadcast = 1
    case multicast = 2
    /// For another interface.
    case otherHost = 3
    /// Went out by the interface.
    case outgoing = 4
    case unknown = 255
}

/// The features of one DNS message (RFC 1035). From `nameEntropyHundredths` to `listedName`, those
/// of the name are of questions only, unless they say otherwise.
public struct DNSMessage: Sendable, BitwiseCopyable {
    public var kind: Kind = .none
    /// RCODE; 3 is NXDOMAIN.
    public var responseCode: UInt8 = 0
    /// QTYPE of the first question.
    public var questionType: UInt16 = 0
    /// Bytes of the first question's name as text, without the last dot.
    public var nameLength: UInt8 = 0
    /// The place of the first question's name in the frame.
    public var nameOffset: UInt16 = 0
    /// Labels of the first question's name.
    public var labelCount: UInt8 = 0
    /// Shannon entropy of the name's bytes before its last two labels, in hundredths of a bit per
    /// byte; of the whole name if it has no more than two labels. Without the digits of an address
    /// that it begins with, as in questions to block lists.
    public var nameEntropyHundredths: UInt16 = 0
    /// Of the whole lower-cased name; not of an answer, unless it is NXDOMAIN.
    public var nameDigest = NameDigest.none
    /// Whether the first question's name stands for an address (`in-addr.arpa`, `ip6.arpa`).
    public var isReverse = false
    /// Whether the first question's name is below a domain that does not exist outside of a site:
    /// `local`, `internal` and their like.
    public var isLocal = false
    /// A digest of the last two labels of the first question's name, in lower case: the domain that
    /// somebody registered, unless these are a registry's own (`co.uk`); 0 for short names.
    public var domain: UInt32 = 0
    /// Bytes that the first question's name can carry: its length, but half a byte for each digit
    /// of such an address.
    public var dataLength: UInt8 = 0
    /// The number of the listed name that the first question's name is, or is below; 0: none.
    public var listedName: UInt32 = 0
    /// Number of answer records in the header.
    public var answerCount: UInt16 = 0
    /// Transaction id.
    public var identifier: UInt16 = 0
    /// Questions in the packet, as far as can be told; 0 stands for one.
    public var questionCount: UInt8 = 0
    /// Bytes of further names in the same segment beyond the length of ordinary ones.
    public var furtherBytes: UInt16 = 0
    /// Bytes that may be of names which cannot be read, because they go on in another segment or
    /// fragment.
    public var unreadBytes: UInt16 = 0

    public init() {}

    /// The digest of a domain in lower case, as in `domain`: `example.com`.
    package static func domain(of name: String) -> UInt32 {
        var digest = emptyDomain
        for label in name.utf8.split(separator: UInt8(ascii: ".")) {
            digest = domain(digest, appending: UInt8(truncatingIfNeeded: label.count))
            for byte in label { digest = domain(digest, appending: byte) }
        }
        return digest
    }

    static let emptyDomain: UInt32 = 0x811C_9DC5

    @inline(__always)
    static func domain(_ digest: UInt32, appending byte: UInt8) -> UInt32 {
        (digest ^ UInt32(byte)) &* 0x0100_0193
    }

    public enum Kind: UInt8, Sendable, BitwiseCopyable {
        case none, query, response
        /// On port 53, but not a valid DNS message.
        case malformed
        /// To port 53: only parts of questions, without a whole name.
        case cut
    }
}
