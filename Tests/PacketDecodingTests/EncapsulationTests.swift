import NetworkAddresses
import PacketDecoding
import TestKit
import Testing
import Timestamps

/// The inner packet of all encapsulations: TCP 10.1.0.1:40000 to 10.1.0.2:443, SYN.
private let inner = Frame.ipv4("10.1.0.1", "10.1.0.2", 6, Frame.tcp(40_000, 443, flags: 2))
private let inner6 = Frame.ipv6("fd00::1", "fd00::2", 6, Frame.tcp(40_000, 443, flags: 2))
private let innerFrame = Frame.ethernet(0x0800, inner)

private func outer(_ number: UInt8, _ payload: [UInt8]) -> [UInt8] {
    Frame.ethernet(0x0800, Frame.ipv4("192.0.2.1", "192.0.2.2", number, payload))
}

struct Encapsulation: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var link = LinkType.ethernet
    let frame: [UInt8]
    var tunnel = Packet.Tunnel.none
    var identifier: UInt32 = 0
    var vlan: UInt16 = 0
    var innerVLAN: UInt16 = 0

    init(
        _ name: String, _ frame: [UInt8], link: LinkType = .ethernet,
        tunnel: Packet.Tunnel = .none, identifier: UInt32 = 0, vlan: UInt16 = 0,
        innerVLAN: UInt16 = 0
    ) {
        testDescription = name
        self.frame = frame
        self.link = link
        self.tunnel = tunnel
        self.identifier = identifier
        self.vlan = vlan
        self.innerVLAN = innerVLAN
    }

    static let all: [Encapsulation] = common + rare

    private static let common: [Encapsulation] = [
        .init("Ethernet", innerFrame),
        .init("802.1Q", Frame.ethernet(0x0800, inner, tags: [(0x8100, 5)]), vlan: 5),
        .init(
            "QinQ", Frame.ethernet(0x0800, inner, tags: [(0x88A8, 7), (0x8100, 9)]), vlan: 7,
            innerVLAN: 9),
        .init("E-tag", Frame.ethernet(0x893F, [0, 1, 0, 0, 0, 9, 8, 0] + inner)),
        .init("VN-tag", Frame.ethernet(0x8926, [0, 1, 0, 9, 8, 0] + inner)),
        .init(
            "E-tag and 802.1Q",
            Frame.ethernet(0x893F, [0, 1, 0, 0, 0, 9, 0x81, 0, 0, 5, 8, 0] + inner), vlan: 5),
        .init(
            "PPP in GRE", outer(47, Frame.gre(0x880B, [0xFF, 3, 0, 0x21] + inner)), tunnel: .gre),
        .init("MPLS", Frame.ethernet(0x8847, Frame.mpls(inner))),
        .init("PPPoE", Frame.ethernet(0x8864, Frame.pppoe(0x21, inner))),
        .init("SNAP", Frame.ethernet(48, [0xAA, 0xAA, 3, 0, 0, 0, 8, 0] + inner)),
        .init("cooked", Frame.cooked(0x0800, inner), link: .linuxCooked),
        .init("cooked v2", Frame.cooked2(0x0800, inner), link: .linuxCooked2),
        .init("raw", inner, link: .raw),
        .init("raw IPv4", inner, link: .ipv4),
        .init("null, little-endian", [2, 0, 0, 0] + inner, link: .null),
        .init("null, big-endian", [0, 0, 0, 2] + inner, link: .null),
        .init("loop", [0, 0, 0, 2] + inner, link: .loop),
        .init("PPP", [0xFF, 3, 0, 0x21] + inner, link: .ppp),
        .init(
            "VXLAN", outer(17, Frame.udp(50_000, 4789, Frame.vxlan(77, innerFrame))),
            tunnel: .vxlan, identifier: 77),
        .init(
            "VXLAN on flannel's port",
            outer(17, Frame.udp(50_000, 8472, Frame.vxlan(77, innerFrame))), tunnel: .vxlan,
            identifier: 77),
        .init(
            "GENEVE with options",
            outer(
                17, Frame.udp(50_000, 6081, Frame.geneve(99, innerFrame, options: [0, 0, 0, 0]))),
            tunnel: .geneve, identifier: 99),
        .init("GRE", outer(47, Frame.gre(0x0800, inner)), tunnel: .gre),
        .init(
            "GRE with a key", outer(47, Frame.gre(0x0800, key: 3, inner)), tunnel: .gre,
            identifier: 3),
        .init(
            "NVGRE", outer(47, Frame.gre(0x6558, key: 0x1234 << 8 | 0x56, innerFrame)),
            tunnel: .gre, identifier: 0x1234),
        .init("IP in IP", outer(4, inner), tunnel: .ipInIP),
        .init(
            "GTP-U", outer(17, Frame.udp(2152, 2152, Frame.gtpU(8, inner))), tunnel: .gtpU,
            identifier: 8),
        .init(
            "IPv4 options",
            Frame.ethernet(
                0x0800,
                Frame.ipv4(
                    "10.1.0.1", "10.1.0.2", 6, Frame.tcp(40_000, 443, flags: 2),
                    options: [0x94, 4, 0, 0]))),
    ]
}

extension Encapsulation {
    /// Link types of other machines' captures.
    private static let rare: [Encapsulation] = [
        .init("802.11", wireless(), link: .ieee80211),
        .init("802.11 with radiotap", [0, 0, 8, 0, 0, 0, 0, 0] + wireless(), link: .radiotap),
        // Two words of fields, the time, and flags that say that the header is padded.
        .init(
            "radiotap with padding",
            [0, 0, 26, 0, 3, 0, 0, 0x80, 0, 0, 0, 0] + [0, 0, 0, 0] + Frame.bytes(0, 8)
                + [0x20, 0] + wireless(quality: [0, 0], padding: 2), link: .radiotap),
        .init("802.11 with quality of service", wireless(quality: [0, 0]), link: .ieee80211),
        .init(
            "802.11 between access points", wireless(flags: 3, fourth: [2, 0, 0, 0, 0, 4]),
            link: .ieee80211),
        .init(
            "802.11, the first of an aggregate",
            wireless(
                quality: [0x80, 0],
                before: [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0, UInt8(8 + inner.count)]),
            link: .ieee80211),
        .init(
            "802.11 with AVS",
            Frame.bytes(0x8021_1001, 4) + [0, 0, 0, 64] + Frame.bytes(0, 56)
                + wireless(), link: .avs),
        .init(
            "802.11 with Prism",
            [0x44, 0, 0, 0, 144, 0, 0, 0] + Frame.bytes(0, 136)
                + wireless(), link: .prism),
        .init("PPI before Ethernet", [0, 0, 8, 0, 1, 0, 0, 0] + innerFrame, link: .ppi),
        .init("PPI before 802.11", [0, 0, 8, 0, 105, 0, 0, 0] + wireless(), link: .ppi),
        .init("packet tap", tap(1, isSwapped: true) + innerFrame, link: .pktap),
        .init("packet tap, big-endian", tap(12, isSwapped: false) + inner, link: .pktap),
        .init("packet tap as USER2", tap(1, isSwapped: true) + innerFrame, link: .user2),
        .init("frame relay", [0x18, 0x61, 3, 0xCC] + inner, link: .frameRelay),
        .init("frame relay, four bytes", [0x18, 0x60, 0, 1, 3, 0xCC] + inner, link: .frameRelay),
        .init("frame relay of Cisco", [0x18, 0x61, 8, 0] + inner, link: .frameRelay),
        .init(
            "frame relay with SNAP", [0x18, 0x61, 3, 0, 0x80, 0, 0, 0, 8, 0] + inner,
            link: .frameRelay),
        .init(
            "frame relay, bridged", [0x18, 0x61, 3, 0, 0x80, 0, 0x80, 0xC2, 0, 7] + innerFrame,
            link: .frameRelay),
        .init(
            "frame relay with PPP", [0x18, 0x61, 3, 0xCF, 0, 0x21] + inner, link: .frameRelay),
        .init(
            "frame relay with direction", [1, 0x18, 0x61, 3, 0xCC] + inner,
            link: .frameRelayWithDirection),
        .init("PPP with direction", [1, 0xFF, 3, 0, 0x21] + inner, link: .pppWithDirection),
        .init("PPP of Linux", [1, 3, 0, 0x21] + inner, link: .pppLinux),
        .init("PPP without address", [0, 0x21] + inner, link: .pppHDLC),
        .init("Cisco HDLC", [0x0F, 0, 8, 0] + inner, link: .ciscoHDLC),
        .init(
            "Cisco HDLC with direction", [1, 0x0F, 0, 8, 0] + inner,
            link: .ciscoHDLCWithDirection),
        .init("ATM with SNAP", [0xAA, 0xAA, 3, 0, 0, 0, 8, 0] + inner, link: .rfc1483),
        .init("labels without a link", Frame.mpls(inner), link: .mpls),
        .init("InfiniBand", Frame.bytes(0, 40) + [8, 0, 0, 0] + inner, link: .infiniband),
        .init("IEEE 1394", Frame.bytes(0, 16) + [8, 0] + inner, link: .ieee1394),
        .init("IPNET", [1, 2] + Frame.bytes(0, 22) + inner, link: .ipnet),
        .init("interface of IPsec", [2, 0, 0, 0] + Frame.bytes(0, 8) + inner, link: .enc),
        .init("packet filter's log", [61, 2] + Frame.bytes(0, 62) + inner, link: .pflog),
        .init("ARCNET", [1, 2, 0, 0, 0xF0] + inner, link: .arcnetLinux),
        .init("ARCNET, RFC 1201", [1, 2, 0, 0, 0xD4, 0, 0, 1] + inner, link: .arcnetLinux),
        .init(
            "Juniper", [0x4D, 0x47, 0x43, 0x80, 0, 2, 7, 7] + innerFrame, link: .juniperEthernet),
        .init(
            "Juniper without a link", [0x4D, 0x47, 0x43, 2, 0, 0, 0, 2] + inner,
            link: .juniperEthernet),
        .init("DSA tag", tagged(Frame.bytes(0, 4)), link: .dsaTag),
        .init("EDSA tag", tagged([0xDA, 0xDA] + Frame.bytes(0, 6)), link: .edsaTag),
        .init("Broadcom's tag", tagged(Frame.bytes(0, 4)), link: .broadcomTag),
        .init("Broadcom's tag before", Frame.bytes(0, 4) + innerFrame, link: .broadcomPrepended),
    ]

    /// A data frame of IEEE 802.11 with LLC, from a station to an access point.
    private static func wireless(
        flags: UInt8 = 1, fourth: [UInt8] = [], quality: [UInt8] = [], padding: Int = 0,
        before: [UInt8] = []
    ) -> [UInt8] {
        let control: [UInt8] = [quality.isEmpty ? 0x08 : 0x88, flags, 0, 0]
        let addresses: [UInt8] =
            [2, 0, 0, 0, 0, 9] + [2, 0, 0, 0, 0, 1] + [2, 0, 0, 0, 0, 2] + [0x10, 0]
        return control + addresses + fourth + quality + [UInt8](repeating: 0, count: padding)
            + before + [0xAA, 0xAA, 3, 0, 0, 0, 8, 0] + inner
    }

    /// The header of macOS's packet tap.
    private static func tap(_ linkType: UInt64, isSwapped: Bool) -> [UInt8] {
        let words = [108, 1, linkType].flatMap {
            isSwapped ? Frame.bytes($0, 4).reversed() : Frame.bytes($0, 4)
        }
        return words + [UInt8](repeating: 0, count: 96)
    }

    /// A switch chip's tag after the MAC addresses.
    private static func tagged(_ tag: [UInt8]) -> [UInt8] {
        Array(innerFrame.prefix(12)) + tag + Array(innerFrame.dropFirst(12))
    }
}

@Test(arguments: Encapsulation.all)
func theInnerPacketIsFound(_ wrapped: Encapsulation) {
    let packet = decoded(wrapped.frame, wrapped.link)
    #expect(packet.kind == .ip)
    #expect(packet.source == Frame.address("10.1.0.1"))
    #expect(packet.destination == Frame.address("10.1.0.2"))
    #expect(packet.sourcePort == 40_000 && packet.destinationPort == 443)
    #expect(packet.tcpFlags == 2 && packet.payloadLength == 0)
    #expect(packet.tunnel == wrapped.tunnel && packet.tunnelIdentifier == wrapped.identifier)
    #expect(packet.vlan == wrapped.vlan && packet.innerVLAN == wrapped.innerVLAN)
    let isTunnelled = wrapped.tunnel != .none
    #expect(packet.outerSource == (isTunnelled ? Frame.address("192.0.2.1") : .unspecified))
}

@Test(arguments: Encapsulation.all)
func everyShorterCaptureOfAFrameIsSafe(_ wrapped: Encapsulation) {
    for length in 0..<wrapped.frame.count {
        let packet = decoded(Array(wrapped.frame[..<length]), wrapped.link, wrapped.frame.count)
        #expect(packet.wireLength == UInt32(wrapped.frame.count))
    }
}

@Test func sixInFourYieldsTheInnerIPv6Packet() {
    let packet = decoded(outer(41, inner6), .ethernet)
    #expect(packet.ipVersion == 6 && packet.source == Frame.address("fd00::1"))
    #expect(packet.tunnel == .ipInIP && packet.outerDestination == Frame.address("192.0.2.2"))
}

@Test func everyExtensionHeaderIsSkipped() {
    // Hop-by-hop, routing, destination options, authentication, an atomic fragment, TCP.
    let chain: [UInt8] =
        [43, 0, 1, 4, 0, 0, 0, 0] + [60, 0, 0, 0, 0, 0, 0, 0] + [51, 0, 1, 4, 0, 0, 0, 0]
        + [44, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2] + [6, 0, 0, 0, 0, 0, 0, 9]
    let frame = Frame.ethernet(
        0x86DD, Frame.ipv6("fd00::1", "fd00::2", 0, chain + Frame.tcp(1, 2, flags: 2)))
    let packet = decoded(frame, .ethernet)
    #expect(packet.ipProtocol == 6 && packet.destinationPort == 2 && packet.fragment == .none)
}

/// Hosts skip any number of priority tags, also before a tag with a number.
@Test(arguments: [1, 15, 16, 17, 300], [UInt16(0x8100), 0x88A8])
func priorityTagsNestNothing(count: Int, type: UInt16) {
    let tags = [(UInt16, UInt16)](repeating: (type, 0), count: count)
    let ends: [(tags: [(UInt16, UInt16)], vlan: UInt16)] = [([], 0), ([(0x8100, 5)], 5)]
    for (last, vlan) in ends {
        var decoder = PacketDecoder()
        var packet = Packet()
        let frame = Frame.ethernet(0x0800, inner, tags: tags + last)
        decoder.decode(
            frame.span.bytes, linkType: .ethernet, time: .epoch, wireLength: UInt32(frame.count),
            into: &packet)
        #expect(packet.kind == .ip && packet.destinationPort == 443)
        #expect(packet.vlan == vlan && packet.innerVLAN == 0)
        #expect(decoder.statistics.nestingTooDeep == 0)
    }
}

@Test func nestingIsBounded() {
    var payload = inner
    for _ in 0..<40 { payload = Frame.ipv4("192.0.2.1", "192.0.2.2", 4, payload) }
    var decoder = PacketDecoder()
    var packet = Packet()
    decoder.decode(
        payload.span.bytes, linkType: .raw, time: .epoch,
        wireLength: UInt32(payload.count), into: &packet)
    #expect(packet.kind == .ip && packet.ipProtocol == 4)
    #expect(decoder.statistics.nestingTooDeep == 1)
}

@Test func aTunnelWithoutAnIPPacketYieldsTheOuterPacket() {
    let frame = outer(
        17,
        Frame.udp(
            50_000, 4789,
            Frame.vxlan(
                77,
                Frame.ethernet(
                    0x0806,
                    Frame.arp(
                        operation: 1, "10.0.0.1", "10.0.0.2")))))
    let packet = decoded(frame, .ethernet)
    #expect(packet.kind == .ip && packet.destinationPort == 4789 && packet.tunnel == .none)
}

func decoded(_ frame: [UInt8], _ link: LinkType, _ wireLength: Int? = nil) -> Packet {
    var decoder = PacketDecoder()
    var packet = Packet()
    decoder.decode(
        frame.span.bytes, linkType: link, time: .epoch,
        wireLength: UInt32(wireLength ?? frame.count), into: &packet)
    return packet
}
