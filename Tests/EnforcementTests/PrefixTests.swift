import NetworkAddresses
import Quarantine
import TestKit
import Testing

@testable import Enforcement
import Timestamps

struct PrefixTests {
    private func split(_ text: String, _ protected: ProtectedSet) -> [IPPrefix] {
        let holes = protected.entries.map(\.prefix).filter { $0.overlaps(prefix(text)) }
        return ProtectedSet.split(prefix(text), around: holes)
    }

    @Test func theCoverAroundAProtectedAddressIsMinimal() {
        var protected = ProtectedSet()
        #expect(split("10.0.0.0/24", protected) == [prefix("10.0.0.0/24")])
        protected.add(prefix("10.0.0.1"), reason: "gateway")
        let cover = split("10.0.0.0/24", protected)
        #expect(
            cover.map(\.description) == [
                "10.0.0.0", "10.0.0.2/31", "10.0.0.4/30", "10.0.0.8/29", "10.0.0.16/28",
                "10.0.0.32/27", "10.0.0.64/26", "10.0.0.128/25",
            ])
        #expect(split("10.0.0.1", protected).isEmpty)
        #expect(split("127.0.0.0/8", protected).isEmpty)
        protected.add(prefix("fd00::1"), reason: "gateway")
        #expect(split("fd00::/64", protected).count == 64)
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func aCoverContainsAllButTheProtectedAddresses(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var protected = ProtectedSet()
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let length = Int.random(in: 26...32, using: &random)
            let host = UInt32.random(in: 0...255, using: &random)
            protected.add(
                IPPrefix(IPAddress(v4: 0x0A00_0000 | host), length: length), reason: "r")
        }
        let cover = split("10.0.0.0/24", protected)
        for host in UInt32(0)...255 {
            let address = IPAddress(v4: 0x0A00_0000 | host)
            let isProtected = protected.check(IPPrefix(host: address)) != nil
            #expect(cover.count { $0.contains(address) } == (isProtected ? 0 : 1), "seed \(seed)")
        }
        // Minimal: no two neighbours form one prefix.
        for (left, right) in zip(cover, cover.dropFirst()) where left.length == right.length {
            #expect(IPPrefix(left.address, length: left.length - 1).contains(right) == false)
        }
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func piecesNeverOverlapAndKeepTheLatestExpiry(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let rules = (0..<Int.random(in: 1...8, using: &random)).map { _ in
            PrefixPieces.Piece(
                prefix: IPPrefix(
                    IPAddress(v4: 0x0A00_0000 | UInt32.random(in: 0...255, using: &random)),
                    length: Int.random(in: 24...31, using: &random)),
                expires: Timestamp(second: Int.random(in: 1...5, using: &random)))
        }
        let pieces = PrefixPieces.flatten(rules)
        #expect(pieces == pieces.sorted { $0.prefix < $1.prefix })
        for host in UInt32(0)...255 {
            let address = IPAddress(v4: 0x0A00_0000 | host)
            let expected = rules.filter { $0.prefix.contains(address) }.map(\.expires).max()
            let got = pieces.filter { $0.prefix.contains(address) }.map(\.expires)
            #expect(got == (expected.map { [$0] } ?? []), "seed \(seed) \(rules)")
        }
    }

    @Test func anInnerPrefixThatExpiresLaterSplitsTheWiderOne() {
        let pieces = PrefixPieces.flatten([
            .init(prefix: prefix("10.0.0.0/24"), expires: Timestamp(second: 10)),
            .init(prefix: prefix("10.0.0.64/26"), expires: Timestamp(second: 20)),
            .init(prefix: prefix("10.0.0.128/25"), expires: Timestamp(second: 5)),
        ])
        #expect(
            pieces == [
                .init(prefix: prefix("10.0.0.0/26"), expires: Timestamp(second: 10)),
                .init(prefix: prefix("10.0.0.64/26"), expires: Timestamp(second: 20)),
                .init(prefix: prefix("10.0.0.128/25"), expires: Timestamp(second: 10)),
            ])
    }
}
