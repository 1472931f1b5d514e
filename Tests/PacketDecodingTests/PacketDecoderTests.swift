import NetworkAddresses
import TestKit
import Testing
import Timestamps

@testable import PacketDecoding

@Test func aRequestForAnAddressIsReadFromARP() {
    let packet = decoded(
        Frame.ethernet(0x0806, Frame.arp(operation: 1, "10.0.0.1", "10.0.0.2")), .ethernet)
    #expect(packet.kind == .arp && packet.arpOperation == 1)
    #expect(packet.source == Frame.address("10.0.0.1"))
    #expect(packet.destination == Frame.address("10.0.0.2"))
    #expect(packet.arpSenderMAC == MACAddress(0x0200_0000_0001))
}

@Test func anICMPErrorQuotesItsPacket() {
    let quoted = Frame.ipv4("10.0.0.1", "10.0.0.2", 17, Frame.udp(1000, 2000, [1, 2]))
    let packet = decoded(
        Frame.ipv4("10.0.0.2", "10.0.0.1", 1, Frame.icmp(type: 3, code: 3, quoted)), .raw)
    #expect(packet.icmpType == 3 && packet.icmpCode == 3 && packet.quotedProtocol == 17)
    #expect(packet.quotedSource == Frame.address("10.0.0.1"))
    #expect(packet.quotedSourcePort == 1000 && packet.quotedDestinationPort == 2000)
}

/// A binding request (RFC 8489) without its cookie, or cut short, is none.
@Test(
    arguments: [
        ([0x21, 0x12, 0xA4, 0x42], 12, true), ([0x21, 0x12, 0xA4, 0x43], 12, false),
        ([0x21, 0x12, 0xA4, 0x42], 11, false),
    ] as [([UInt8], Int, Bool)])
func aCheckOfAPathIsRecognizedByItsCookie(cookie: [UInt8], rest: Int, isSTUN: Bool) {
    let message = [0, 1, 0, 0] + cookie + [UInt8](repeating: 7, count: rest)
    let packet = decoded(
        Frame.ipv4("10.0.0.1", "10.0.0.2", 17, Frame.udp(50_000, 20_000, message)), .raw)
    #expect(packet.isSTUN == isSTUN)
}

@Test func aDNSQuestionIsMeasured() {
    let message = Frame.dns("aaaabbbb.Example.COM")
    let packet = decoded(
        Frame.ipv4("10.0.0.1", "10.0.0.2", 17, Frame.udp(1000, 53, message)), .raw)
    #expect(packet.dns.kind == .query && packet.dns.questionType == 1)
    #expect(packet.dns.nameLength == 20 && packet.dns.labelCount == 3)
    // Four of one letter and four of another: one bit per byte.
    #expect(packet.dns.nameEntropyHundredths == 100)
    let lower = decoded(
        Frame.ipv4(
            "10.0.0.1", "10.0.0.2", 17, Frame.udp(1000, 53, Frame.dns("aaaabbbb.example.com"))),
        .raw)
    #expect(lower.dns.nameDigest == packet.dns.nameDigest)
    // hashlib.blake2s(b"\x08aaaabbbb\x07example\x03com", digest_size=16)
    #expect(packet.dns.nameDigest == digest("ffa0e5ec768167cb59d63f2fdc54ad31"))
}

/// Parses hexadecimal digits, as other programs print them.
private func digest(_ text: String) -> NameDigest {
    let high = UInt64(text.prefix(16), radix: 16) ?? 0
    let low = UInt64(text.suffix(16), radix: 16) ?? 0
    return NameDigest(high: high.byteSwapped, low: low.byteSwapped)
}

/// Digests that Python's hashlib computes, of lengths around the block's 64 bytes.
@Test(
    arguments: [
        (0, "64550d6ffe2c0a01a14aba1eade0200c"), (1, "9f31f3ec588c6064a8e1f9051aeab90a"),
        (63, "4006430a2d313751a9ece24fccb52de5"), (64, "dc66ca8f03865801b0ffe06ed8a1a90e"),
        (65, "399d3e92ccfcedcdde9bf4c2be14cf8c"),
        (128, "7a3b3fa888b60095e7b305efcf3c3dbc"), (254, "a264e3946d12818251aff9c7fa41a479"),
    ])
func namesHaveTheDigestsOfRFC7693(count: Int, text: String) {
    var hasher = NameHasher()
    for byte in 0..<count { hasher.append(UInt8(byte)) }
    #expect(hasher.digest() == digest(text))
}

/// A dot in a label and one between two are not the same.
@Test func namesOfOtherLabelsAreOthers() {
    var digests: [NameDigest] = []
    for labels in [["a.b"], ["a", "b"]] {
        var message = Frame.dns("")
        message.removeLast(5)
        for label in labels { message += [UInt8(label.utf8.count)] + Array(label.utf8) }
        message += [0, 0, 1, 0, 1]
        digests.append(
            decoded(
                Frame.ipv4("10.0.0.1", "10.0.0.2", 17, Frame.udp(1000, 53, message)), .raw
            ).dns.nameDigest)
    }
    #expect(digests[0] != digests[1] && !digests.contains(.none))
}

/// What a person reads is the name that was asked for, whatever bytes it has.
@Test func theTextOfANameHasTheNamesDigest() throws {
    let labels: [[UInt8]] = [
        Array("WWW".utf8), [0x2E, 0x5C, 0x1B, 0x00, 0xFF], Array("a-b_9".utf8), [0x20],
    ]
    var message = Frame.dns("")
    message.removeLast(5)
    for label in labels { message += [UInt8(label.count)] + label }
    message += [0, 0, 1, 0, 1]
    let frame = Frame.ipv4("10.0.0.1", "10.0.0.2", 17, Frame.udp(1000, 53, message))
    let dns = decoded(frame, .raw).dns
    let text = frame.withUnsafeBytes { dns.name(in: $0) }
    #expect(text == #"www.\046\092\027\000\255.a-b_9.\032"#)
    #expect(NameDigest(ofName: text ?? "") == dns.nameDigest)
    // A frame that is shorter than the decoded one has no name.
    let cut = frame.dropLast(12).withUnsafeBytes { dns.name(in: $0) }
    #expect(cut == nil)
    let long = String(repeating: "a", count: 64)
    for bad in ["", ".", "a.", ".a", "a..b", "A b", #"a\"#, #"a\25"#, #"a\256"#, #"a\+12"#, long] {
        #expect(NameDigest(ofName: bad) == nil, "\(bad)")
    }
}

@Test func aMissingNameIsDetectedInTheAnswer() {
    let message = Frame.dns("no.example.com", isResponse: true, code: 3)
    let length = Frame.bytes(UInt64(message.count), 2)
    let packet = decoded(
        Frame.ipv4(
            "10.0.0.2", "10.0.0.1", 6,
            Frame.tcp(53, 1000, flags: 0x18, payload: length + message)), .raw)
    #expect(packet.dns.kind == .response && packet.dns.responseCode == 3)
}

@Test func aZeroLengthFromOffloadingMeansTheRestOfTheFrame() {
    var bytes = Frame.ipv4(
        "10.0.0.1", "10.0.0.2", 6, Frame.tcp(1, 2, flags: 0x10, payload: [1, 2, 3]))
    bytes[2] = 0
    bytes[3] = 0
    let packet = decoded(bytes, .raw, 70_043)
    #expect(packet.ipLength == 70_043 && packet.payloadLength == 70_003)
}

@Test func paddingIsNotPayload() {
    let frame = Frame.ethernet(
        0x0800, Frame.ipv4("10.0.0.1", "10.0.0.2", 6, Frame.tcp(1, 2, flags: 0x10)))
    let packet = decoded(frame + [0, 0, 0, 0, 0, 0], .ethernet)
    #expect(packet.payloadLength == 0 && packet.ipLength == 40 && packet.wireLength == 60)
}

/// A frame of each kind of malformation, and its counter.
@Test(
    arguments: [
        ("truncated_link", LinkType.ethernet, [1, 2, 3]),
        ("truncated_vlan", .ethernet, Frame.ethernet(0x8100, [0])),
        ("truncated_mpls", .ethernet, Frame.ethernet(0x8847, [0, 1, 0])),
        ("truncated_pppoe", .ethernet, Frame.ethernet(0x8864, [0x11])),
        ("truncated_arp", .ethernet, Frame.ethernet(0x0806, [0, 1])),
        ("truncated_ipv4", .ethernet, Frame.ethernet(0x0800, [0x45, 0, 0])),
        ("bad_ipv4_header", .raw, [0x42] + [UInt8](repeating: 0, count: 30)),
        ("bad_ipv4_length", .raw, [0x45, 0, 0, 10] + [UInt8](repeating: 0, count: 30)),
        ("truncated_ipv6", .raw, [0x60, 0, 0]),
        ("bad_ipv6_header", .ethernet, Frame.ethernet(0x86DD, [UInt8](repeating: 0, count: 40))),
        ("bad_ipv6_length", .raw, [0x60, 0, 0, 0, 9, 0, 59] + [UInt8](repeating: 0, count: 38)),
        ("truncated_extension", .raw, Frame.ipv6("::1", "::2", 0, [6])),
        (
            "too_many_extensions", .raw,
            Frame.ipv6("::1", "::2", 60, [UInt8](repeating: 0, count: 8).map { _ in 60 })
        ),
        ("truncated_tcp", .raw, Frame.ipv4("10.0.0.1", "10.0.0.2", 6, [0, 1, 0, 2])),
        (
            "bad_tcp_offset", .raw,
            Frame.ipv4("10.0.0.1", "10.0.0.2", 6, [UInt8](repeating: 0, count: 20))
        ),
        ("truncated_udp", .raw, Frame.ipv4("10.0.0.1", "10.0.0.2", 17, [0, 1, 0, 2])),
        (
            "bad_udp_length", .raw,
            Frame.ipv4("10.0.0.1", "10.0.0.2", 17, [0, 1, 0, 2, 0, 99, 0, 0])
        ),
        ("truncated_icmp", .raw, Frame.ipv4("10.0.0.1", "10.0.0.2", 1, [8])),
        ("truncated_sctp", .raw, Frame.ipv4("10.0.0.1", "10.0.0.2", 132, [0, 1])),
        ("bad_tunnel", .raw, Frame.ipv4("10.0.0.1", "10.0.0.2", 47, [0, 7])),
        (
            "malformed_dns", .raw,
            Frame.ipv4("10.0.0.1", "10.0.0.2", 17, Frame.udp(1, 53, [0, 0, 1]))
        ),
        ("unsupported_link_type", LinkType(rawValue: 195), [1, 2, 3]),
    ] as [(String, LinkType, [UInt8])])
func everyKindOfMalformedFrameHasItsCounter(name: String, link: LinkType, frame: [UInt8]) {
    var decoder = PacketDecoder()
    var packet = Packet()
    let bytes = name == "too_many_extensions" ? Frame.ipv6("::1", "::2", 60, endlessChain) : frame
    decoder.decode(
        bytes.span.bytes, linkType: link, time: .epoch, wireLength: UInt32(bytes.count),
        into: &packet)
    for (counter, count) in decoder.statistics.malformed {
        #expect(count == (counter == name ? 1 : 0), "\(counter)")
    }
}

/// An endless chain of destination options.
private let endlessChain = (0..<300).flatMap { _ in [60, 0, 0, 0, 0, 0, 0, 0] as [UInt8] }

@Test func wrongChecksumsAreCountedOnRequest() {
    var options = PacketDecoder.Options()
    options.verifiesChecksums = true
    var decoder = PacketDecoder(options: options)
    var packet = Packet()
    var bytes = Frame.ipv4("10.0.0.1", "10.0.0.2", 6, Frame.tcp(1, 2, flags: 2))
    decoder.decode(
        bytes.span.bytes, linkType: .raw, time: .epoch, wireLength: 40, into: &packet)
    #expect(decoder.statistics.wrongIPv4Checksum == 0)
    #expect(decoder.statistics.wrongTransportChecksum == 1)
    bytes[10] ^= 1
    decoder.decode(
        bytes.span.bytes, linkType: .raw, time: .epoch, wireLength: 40, into: &packet)
    #expect(decoder.statistics.wrongIPv4Checksum == 1)
}

@Test func noInputTraps() {
    var random = SeededGenerator(seed: 7)
    for round in 0..<20_000 {
        let start = Encapsulation.all[round % Encapsulation.all.count]
        var frame = start.frame
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            frame[Int.random(in: 0..<frame.count, using: &random)] = UInt8.random(
                in: 0...255, using: &random)
        }
        frame.removeLast(Int.random(in: 0...min(20, frame.count), using: &random))
        _ = decoded(frame, start.link)
    }
}
