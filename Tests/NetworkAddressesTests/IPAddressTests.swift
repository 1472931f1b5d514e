import Glibc
import NetworkAddresses
import Testing

struct IPAddressTests {
    @Test(arguments: [
        "0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1:0:0:5",
        "1:2:3:4:5:6:7:8", "1:0:3:4:5:6:7:8", "1::", "::5:6:7:8",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "1:2:3:4:5:6:7:0", "0:2:3:4:5:6:7:8",
    ])
    func canonicalTextIsUnchanged(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == text)
        #expect(IPAddress(bytes: address.bytes) == address)
    }

    @Test(arguments: [
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("::ffff:1.2.3.4", "1.2.3.4"),
        ("64:ff9b::1.2.3.4", "64:ff9b::102:304"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
        ("0:0:1:0:0:0:0:0", "0:0:1::"),
    ])
    func otherSpellingsBecomeCanonical(text: String, canonical: String) throws {
        #expect(try #require(IPAddress(text)).description == canonical)
    }

    @Test func textsAreThoseOfTheCLibrary() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            // Groups are often 0, and of any length. The first is not 0: the library writes
            // addresses with an embedded IPv4 address differently.
            var groups = (0..<8).map { _ in
                Bool.random(using: &random)
                    ? 0
                    : UInt16.random(in: 0...UInt16.max, using: &random)
                        >> UInt16.random(in: 0...15, using: &random)
            }
            groups[0] |= 1
            var bytes = groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            _ = inet_ntop(AF_INET6, &bytes, &text, socklen_t(text.count))
            let address = try #require(IPAddress(bytes: bytes))
            let expected = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
            #expect(address.description == expected)
        }
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.x", ":", ":::", "1:2", "1::2::3",
        "1:2:3:4:5:6:7:8:9", "12345::", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4", "fe80::1%eth0",
        "+1.2.3.4",
        " 1.2.3.4", "1.2.3.4 ", "1:2:3:4:5:6:7::8:9", "١.2.3.4",
    ])
    func invalidTextIsRefused(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func kindsFollowTheirRFCs() throws {
        func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
        #expect(try address("224.0.0.1").isMulticast && address("ff02::1").isMulticast)
        #expect(try !address("223.255.255.255").isMulticast && !address("240.0.0.0").isMulticast)
        #expect(try address("172.31.255.255").isPrivate && !address("172.32.0.0").isPrivate)
        #expect(try address("100.64.0.1").isPrivate && !address("100.128.0.0").isPrivate)
        #expect(try address("fd00::1").isPrivate && !address("fe00::1").isPrivate)
        #expect(try address("169.254.1.1").isLinkLocal && address("febf::1").isLinkLocal)
        #expect(try !address("fec0::1").isLinkLocal)
        #expect(try address("127.9.9.9").isLoopback && address("::1").isLoopback)
        #expect(try address("0.0.0.0").isUnspecified && address("::").isUnspecified)
        #expect(try !address("::1:0:0:0:0").isUnspecified)
    }

    @Test func prefixesContainTheirAddressesAndNoOthers() throws {
        let prefix = try #require(IPPrefix("10.20.30.77/26"))
        #expect(prefix.description == "10.20.30.64/26")
        #expect(prefix.lastAddress.description == "10.20.30.127")
        #expect(try prefix.contains(#require(IPAddress("10.20.30.64"))))
        #expect(try !prefix.contains(#require(IPAddress("10.20.30.128"))))
        #expect(try !#require(IPPrefix("::/0")).contains(#require(IPAddress("10.0.0.1"))))
        let all = try #require(IPPrefix("0.0.0.0/0"))
        #expect(all.contains(prefix) && prefix.overlaps(all) && !prefix.contains(all))
        #expect(all.lastAddress.description == "255.255.255.255")
        let halves = try #require(prefix.halves)
        #expect("\(halves.lower) \(halves.upper)" == "10.20.30.64/27 10.20.30.96/27")
        #expect(
            try #require(IPPrefix("2001:db8::/33").flatMap(\.halves)).upper.description
                == "2001:db8:4000::/34")
        for bad in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "x/8", "::/129", "1.2.3.4/8/9"] {
            #expect(IPPrefix(bad) == nil)
        }
    }

    @Test func macAddressesAreUnchanged() throws {
        let mac = try #require(MACAddress("02-42-AC-11-00-02"))
        #expect(mac.description == "02:42:ac:11:00:02")
        #expect(!mac.isGroup && MACAddress(0xFFFF_FFFF_FFFF).isGroup)
        #expect(MACAddress("02:42:ac:11:00") == nil && MACAddress("02:42:ac:11:00:+2") == nil)
    }

    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "224.0.0.0", "239.255.255.255",
        "240.0.0.0", "255.255.255.255", "::", "::1", "ff02::1",
    ])
    func addressesThatNoInterfaceHasAreMartian(text: String) throws {
        #expect(try #require(IPAddress(text)).isMartian)
    }

    @Test(arguments: [
        "1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255", "10.0.0.1", "169.254.1.1",
        "192.0.2.1", "::2", "fe80::1", "fd00::1", "2001:db8::1",
    ])
    func othersAreNot(text: String) throws {
        #expect(try !#require(IPAddress(text)).isMartian)
    }
}
