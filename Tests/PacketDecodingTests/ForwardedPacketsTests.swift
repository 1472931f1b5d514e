import NetworkAddresses
import PacketDecoding
import TestKit
import Testing
import Timestamps

/// Handles one datagram at a time, in or out.
private func packet(
    _ type: PacketType, at milliseconds: Int64, port: UInt16 = 9, from source: String = "10.1.0.11"
) -> Packet {
    var packet = Packet()
    packet.kind = .ip
    packet.ipProtocol = 17
    packet.source = Frame.address(source)
    packet.destination = Frame.address("10.2.0.13")
    packet.destinationPort = port
    packet.packetType = type
    packet.time = .epoch + .milliseconds(milliseconds)
    return packet
}

struct ForwardedPacketsTests {
    @Test func whatCameInIsNotCountedAgainAsItGoesOut() {
        var forwarded = ForwardedPackets()
        let seen: [(Packet, Bool)] = [
            (packet(.otherHost, at: 0), false),
            (packet(.outgoing, at: 1), true),
            // The node itself, or a sender that was not captured, sends the same again.
            (packet(.outgoing, at: 2), false),
            // Two came in before the first went out.
            (packet(.host, at: 10), false),
            (packet(.host, at: 11), false),
            (packet(.outgoing, at: 12), true),
            (packet(.outgoing, at: 13), true),
            (packet(.outgoing, at: 14), false),
            // Translated on the way: another packet.
            (packet(.host, at: 20, port: 8080), false),
            (packet(.outgoing, at: 20, port: 80), false),
            // It may wait for a neighbour's address, but not for more than a second.
            (packet(.host, at: 100, port: 5), false),
            (packet(.outgoing, at: 1100, port: 5), true),
            (packet(.host, at: 2000, port: 5), false),
            (packet(.outgoing, at: 3001, port: 5), false),
        ]
        for (place, (packet, isRepeat)) in seen.enumerated() {
            let found = forwarded.isRepeat(packet)
            #expect(found == isRepeat, "\(place)")
        }
        #expect(forwarded.repeats == 4)
    }

    @Test func anIncomingPacketIsNeverLeftOut() {
        var forwarded = ForwardedPackets(capacity: 2)
        for number in 0..<10_000 {
            let packet = packet(.host, at: Int64(number / 50), port: UInt16(number % 7))
            let found = forwarded.isRepeat(packet)
            #expect(!found)
        }
    }

    @Test func withoutADirectionNothingIsLeftOut() {
        var forwarded = ForwardedPackets()
        for _ in 0..<3 {
            let found = forwarded.isRepeat(packet(.unknown, at: 0))
            #expect(!found)
        }
    }
}

@Test func cookedCapturesSayWhichPortAFrameCameByAndWhichWayItWent() {
    let inner = Frame.ipv4("10.1.0.11", "10.1.0.12", 17, Frame.udp(5, 7, []))
    let v2: [UInt8] =
        [0x08, 0x00, 0, 0] + Frame.bytes(70_000, 4) + [0, 1, 3, 6] + [2, 0, 0, 0, 1, 0x11, 0, 0]
        + inner
    let v1: [UInt8] = [0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 1, 0x11, 0, 0, 0x08, 0x00] + inner
    var decoder = PacketDecoder()
    var packet = Packet()
    for (bytes, link, port, type) in [
        (v2, LinkType.linuxCooked2, 70_000 as UInt32, PacketType.otherHost),
        (v1, .linuxCooked, 0, .outgoing),
    ] {
        decoder.decode(
            bytes.span.bytes, linkType: link, time: .epoch, wireLength: UInt32(bytes.count),
            into: &packet)
        #expect(packet.port == port && packet.packetType == type)
        #expect(packet.sourceMAC == MACAddress("02:00:00:00:01:11") && packet.sourcePort == 5)
    }
    // A truncated header has no addresses, and does not trap.
    for count in 0..<20 {
        let cut = Array(v2.prefix(count))
        decoder.decode(
            cut.span.bytes, linkType: .linuxCooked2, time: .epoch,
            wireLength: 60, into: &packet)
        #expect(packet.port == 0 || count >= 11)
    }
}
