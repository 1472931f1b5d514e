import PacketDecoding
import TestKit
import Testing
import Timestamps

/// Frames of link types that captures of other machines have.
struct LinkTypeTests {
    private func statistics(_ frame: [UInt8], _ link: LinkType) -> DecodeStatistics {
        var decoder = PacketDecoder()
        var packet = Packet()
        decoder.decode(
            frame.span.bytes, linkType: link, time: .epoch, wireLength: UInt32(frame.count),
            into: &packet)
        return decoder.statistics
    }

    /// The addresses of a wireless frame depend on the way that it takes: between stations, to an
    /// access point, from one, between two.
    @Test(arguments: [(0, 1, 2), (1, 3, 2), (2, 1, 3), (3, 3, 4)])
    func theAddressesOfAWirelessFrame(flags: Int, destination: Int, source: Int) {
        var frame: [UInt8] = [0x08, UInt8(flags), 0, 0]
        for number in UInt8(1)...3 { frame += [2, 0, 0, 0, 0, number] }
        frame += [0, 0]
        if flags == 3 { frame += [2, 0, 0, 0, 0, 4] }
        frame += [0xAA, 0xAA, 3, 0, 0, 0, 8, 0]
        frame += Frame.ipv4("10.1.0.1", "10.1.0.2", 17, Frame.udp(1, 2, []))
        let packet = decoded(frame, .ieee80211)
        #expect(packet.kind == .ip)
        #expect("\(packet.destinationMAC)" == "02:00:00:00:00:0\(destination)")
        #expect("\(packet.sourceMAC)" == "02:00:00:00:00:0\(source)")
    }

    /// Encrypted frames, those without data, and all that are no data frames.
    @Test(
        arguments: [
            [0x08, 0x41], [0x48, 0x01], [0xC8, 0x01], [0x80, 0x00], [0xB4, 0x00], [0x09, 0x01],
        ] as [[UInt8]])
    func wirelessFramesWithoutAPacket(control: [UInt8]) {
        let frame =
            control + [UInt8](repeating: 0, count: 22) + [0xAA, 0xAA, 3, 0, 0, 0, 8, 0]
            + Frame.ipv4("10.1.0.1", "10.1.0.2", 17, Frame.udp(1, 2, []))
        let counted = statistics(frame, .ieee80211)
        #expect(counted.notIP == 1 && counted.ipv4 == 0, "\(counted.named)")
    }

    @Test func aShortControlFrameIsComplete() {
        let counted = statistics([0xD4, 0, 0, 0] + Frame.bytes(1, 6), .ieee80211)
        #expect(counted.notIP == 1 && counted.truncatedLink == 0)
    }

    /// A later part of a packet has no header of its own.
    @Test func aLaterPartOfAWirelessFrame() {
        let frame: [UInt8] =
            [0x08, 1, 0, 0] + Frame.bytes(0, 18) + [0x11, 0]
            + [0xAA, 0xAA, 3, 0, 0, 0, 8, 0]
        #expect(statistics(frame, .ieee80211).notIP == 1)
    }

    /// Headers that state the next link type, in each other.
    @Test func nestedHeadersAreBounded() {
        var frame = Frame.ethernet(
            0x0800, Frame.ipv4("10.1.0.1", "10.1.0.2", 17, Frame.udp(1, 2, [])))
        frame = [0, 0, 8, 0, 1, 0, 0, 0] + frame
        for _ in 0..<10 { frame = [0, 0, 8, 0, 192, 0, 0, 0] + frame }
        #expect(decoded(frame, .ppi).kind == .ip)
        for _ in 0..<10_000 { frame = [0, 0, 8, 0, 192, 0, 0, 0] + frame }
        #expect(decoded(frame, .ppi).kind == .other)
        #expect(statistics(frame, .ppi).nestingTooDeep == 1)
    }

    /// Lengths that lie, and numbers that nobody assigned.
    @Test(
        arguments: [
            (192, [0, 0, 0xFF, 0xFF, 1, 0, 0, 0]), (192, [0, 0, 4, 0, 1, 0, 0, 0]),
            (127, [0, 0, 4, 0, 0, 0, 0, 0]), (127, [0, 0, 0xFF, 0xFF, 0, 0, 0, 0]),
            (127, [1, 0, 8, 0, 0, 0, 0, 0]), (258, [0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0]),
            (258, [108, 0, 0, 0, 2, 0, 0, 0]), (119, [0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F]),
            (117, [0, 2, 0, 0]), (178, [0, 0, 0, 0, 0, 0]), (107, [1, 1, 1, 1]),
        ] as [(Int32, [UInt8])])
    func invalidHeadersAreCounted(link: Int32, start: [UInt8]) {
        let frame = start + [UInt8](repeating: 0, count: 200)
        let counted = statistics(frame, LinkType(rawValue: link))
        #expect(counted.truncatedLink == 1 && counted.ipv4 == 0, "\(counted.named)")
    }

    /// Management of a line, and later parts of ARCNET's packets.
    @Test(
        arguments: [
            (107, [0, 1, 3, 8, 0, 0x75]), (107, [0, 1, 0x03, 0x09]), (104, [0x8F, 0, 0x80, 0x35]),
            (129, [1, 2, 0, 0, 0xD4, 2, 0, 1]), (9, [0xFF, 3, 0xC0, 0x21]),
        ] as [(Int32, [UInt8])])
    func framesOfTheLinkItself(link: Int32, start: [UInt8]) {
        let frame = start + [UInt8](repeating: 0, count: 60)
        let counted = statistics(frame, LinkType(rawValue: link))
        #expect(counted.notIP == 1 && counted.ipv4 == 0, "\(counted.named)")
    }

    @Test func eachSupportedTypeIsDecoded() {
        for link in LinkType.supported {
            let counted = statistics([UInt8](repeating: 0, count: 256), link)
            #expect(counted.unsupportedLinkType == 0, "\(link.rawValue)")
        }
        #expect(statistics([0], LinkType(rawValue: 195)).unsupportedLinkType == 1)
    }
}
