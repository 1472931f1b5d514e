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

    static let all: [Encapsulation] = [
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
