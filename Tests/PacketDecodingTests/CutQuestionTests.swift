import NetworkAddresses
import PacketDecoding
import TestKit
import Testing

/// DNS questions that go on in another packet, or that share a segment.
struct CutQuestionTests {
    private static let long = String(repeating: "a", count: 60) + ".t.example.com"
    private static let other = String(repeating: "b", count: 50) + ".t.example.com"

    private static func message(_ name: String) -> [UInt8] {
        let message = Frame.dns(name)
        return Frame.bytes(UInt64(message.count), 2) + message
    }

    private static func segment(_ payload: [UInt8]) -> DNSMessage {
        decoded(
            Frame.ipv4(
                "10.0.0.1", "10.0.0.2", 6, Frame.tcp(1000, 53, flags: 0x18, payload: payload)),
            .raw
        ).dns
    }

    @Test func aQuestionThatIsCutIntoFragmentsHasTheLengthOfItsDatagram() {
        let datagram = Frame.udp(1000, 53, Frame.dns(Self.long))
        for cut in stride(from: 8, to: datagram.count, by: 8) {
            let packet = decoded(
                Frame.ipv4("10.0.0.1", "10.0.0.2", 17, Array(datagram[..<cut]), fragment: 0x2000),
                .raw)
            // What the first fragment has as a whole is an ordinary question.
            let isWhole = packet.dns.kind == .query
            #expect(packet.dns.kind == (isWhole ? .query : .cut), "\(cut)")
            #expect(isWhole == (cut > 8 + 12 + Self.long.utf8.count + 1), "\(cut)")
            #expect(packet.dns.unreadBytes == (isWhole ? 0 : UInt16(Self.long.utf8.count + 1)))
        }
    }

    @Test func aMessageAfterItsLengthIsRead() {
        let whole = Self.message(Self.long)
        #expect(Self.segment(Array(whole[..<2])).kind == .none)
        let rest = Self.segment(Array(whole[2...]))
        #expect(rest.kind == .query && Int(rest.nameLength) == Self.long.utf8.count)
        #expect(rest.unreadBytes == 0)
    }

    @Test func allMessagesOfASegmentCount() {
        let dns = Self.segment(
            Self.message("web.shop.lab") + Self.message(Self.other) + Self.message(Self.long)
                + Self.message(Self.long))
        #expect(dns.kind == .query && Int(dns.nameLength) == Self.long.utf8.count)
        #expect(dns.questionCount == 4 && dns.unreadBytes == 0)
        #expect(Int(dns.furtherBytes) == Self.other.utf8.count - 45)
    }

    @Test func aMessageThatGoesOnHasItsLength() {
        let whole = Self.message(Self.long)
        for count in 3..<whole.count - 4 {
            let dns = Self.segment(Array(whole[..<count]))
            guard dns.kind != .query else {
                #expect(count > 14 + Self.long.utf8.count)
                continue
            }
            #expect(dns.kind == .cut, "\(count)")
            #expect(Int(dns.unreadBytes) == Self.long.utf8.count + 1, "\(count)")
        }
        // The rest, of which nothing can be read.
        let rest = Self.segment(Array(whole[30...]))
        #expect(rest.kind == .cut && Int(rest.unreadBytes) == whole.count - 30)
    }

    @Test func whatWasNotCapturedIsNotCounted() {
        let frame = Frame.ipv4(
            "10.0.0.1", "10.0.0.2", 6,
            Frame.tcp(1000, 53, flags: 0x18, payload: Self.message(Self.long)))
        let dns = decoded(Array(frame[..<60]), .raw, frame.count).dns
        #expect(dns.kind == .none && dns.unreadBytes == 0)
    }

    @Test func aRedirectNamesItsNextHop() {
        let quoted = Frame.ipv4("10.0.0.2", "192.0.2.1", 17, Frame.udp(1, 2, []))
        let old = decoded(
            Frame.ipv4(
                "10.0.0.1", "10.0.0.2", 1,
                Frame.icmp(type: 5, code: 1, rest: 0x0A00_0007, quoted)), .raw)
        #expect(old.announcement == .redirect && old.routeWord == 0x0A00_0007)
        let new = decoded(
            Frame.ipv6(
                "fe80::1", "fe80::2", 58,
                Frame.icmp(
                    type: 137, code: 0,
                    Frame.address("fe80::7").bytes + Frame.address("2001:db8::1").bytes)), .raw)
        #expect(new.announcement == .redirect && new.quotedSource == Frame.address("fe80::7"))
    }

    @Test func aRouterAdvertisesItselfForItsLongestRoute() {
        let options: [UInt8] = [1, 1, 2, 0, 0, 0, 0, 1, 24, 1, 0, 0] + Frame.bytes(9000, 4)
        let packet = decoded(
            Frame.ipv6(
                "fe80::1", "ff02::1", 58,
                Frame.icmp(
                    type: 134, code: 0, rest: 0x4000_0708,
                    [UInt8](repeating: 0, count: 8) + options)), .raw)
        #expect(packet.announcement == .router && packet.routeWord == 9000)
    }
}
