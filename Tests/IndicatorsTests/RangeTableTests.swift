import NetworkAddresses
import TestKit
import Testing

@testable import Indicators

private let now = 1_800_000_000

/// Begins a list.
private func list(
    _ name: String, in builder: inout IndicatorTableBuilder, maximumAge: Int = 86_400
) throws -> UInt16 {
    let number = builder.add(ListSource(name: name, path: name, maximumAge: maximumAge))
    return try #require(number)
}

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

/// A table of lists by name, each with its prefixes and names.
private func table(
    _ lists: [(String, [String])], exempt: [String] = [], last: Int = now, until: Int = 0,
    confidence: UInt8 = 60, maximumAge: Int = 86_400
) throws -> IndicatorTable {
    var builder = IndicatorTableBuilder(
        exempt: exempt.map(prefix), generation: 1, key: 99)
    for (name, entries) in lists {
        let source = try list(name, in: &builder, maximumAge: maximumAge)
        let listing = Listing(
            source: source, confidence: confidence, last: UInt32(last), until: UInt32(until))
        for entry in entries {
            let refusal =
                IPPrefix(entry).map { builder.add($0, listing) }
                ?? builder.add(name: Array(entry.utf8)[...], listing)
            #expect(refusal == nil, "\(entry)")
        }
    }
    return builder.build()
}

struct RangeTableTests {
    @Test func theNarrowestPrefixAndAllListsAreNamed() throws {
        let table = try table([
            ("a", ["203.0.113.0/24", "203.0.113.9"]), ("b", ["203.0.113.9", "198.51.100.0/25"]),
            ("c", ["203.0.0.0/16"]),
        ])
        let hit = try #require(table.hit(try address("203.0.113.9"), at: now))
        #expect(Set(hit.sources.map(\.name)) == ["a", "b", "c"])
        #expect(hit.sources.first { $0.name == "a" }?.object == "203.0.113.9")
        #expect(hit.sources.first { $0.name == "c" }?.object == "203.0.0.0/16")
        #expect(hit.listCount == 3)
        let around = try #require(table.hit(try address("203.0.113.10"), at: now))
        #expect(Set(around.sources.map(\.name)) == ["a", "c"])
        for outside in ["203.1.0.0", "202.255.255.255", "198.51.100.128", "0.0.0.0", "8.8.8.8"] {
            #expect(table.hit(try address(outside), at: now) == nil, "\(outside)")
        }
        #expect(table.hit(try address("198.51.100.127"), at: now) != nil)
    }

    /// The same answers as a comparison with each prefix.
    @Test func randomPrefixesAreFoundAsOneByOne() throws {
        var random = SeededGenerator(seed: 7)
        for isV4 in [true, false] {
            var lists: [(String, [String])] = []
            var all: [(Int, IPPrefix)] = []
            for list in 0..<4 {
                var texts: [String] = []
                for _ in 0..<300 {
                    // Few distinct addresses, so that prefixes contain one another.
                    let bits = UInt64.random(in: 0..<4096, using: &random)
                    let prefix =
                        isV4
                        ? IPPrefix(
                            IPAddress(v4: 0xCB00_0000 | UInt32(bits) << 4),
                            length: .random(in: 16...32, using: &random))
                        : IPPrefix(
                            IPAddress(high: 0x2A01_0000_0000_0000 | bits << 8, low: bits << 50),
                            length: .random(in: 32...128, using: &random))
                    texts.append("\(prefix)")
                    all.append((list, prefix))
                }
                lists.append(("\(list)", texts))
            }
            let table = try table(lists)
            for _ in 0..<4000 {
                let bits = UInt64.random(in: 0..<4096, using: &random)
                let address =
                    isV4
                    ? IPAddress(v4: 0xCB00_0000 | UInt32(bits) << 4 | UInt32.random(in: 0...15))
                    : IPAddress(high: 0x2A01_0000_0000_0000 | bits << 8, low: bits << 50)
                let expected = Set(all.filter { $0.1.contains(address) }.map { "\($0.0)" })
                let found = Set(table.hit(address, at: now)?.sources.map(\.name) ?? [])
                #expect(found == expected, "\(address)")
            }
        }
    }

    @Test func theFirstAndLastAddressesOfAFamilyDoNotTrap() throws {
        let table = try table([("a", ["223.255.255.255", "2001:db8::/32"])])
        #expect(table.hit(try address("223.255.255.255"), at: now) != nil)
        #expect(table.hit(try address("255.255.255.255"), at: now) == nil)
        let last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
        #expect(table.hit(try address(last), at: now) == nil)
        #expect(table.hit(try address("::"), at: now) == nil)
        #expect(table.hit(try address("2001:db8:ffff::1"), at: now) != nil)
    }

    @Test func ownAndAllowedAddressesAreNeverIndicators() throws {
        let table = try table(
            [("a", ["203.0.113.0/24", "2001:db9::/32"])],
            exempt: ["203.0.113.53", "203.0.113.64/26", "2001:db9::53"])
        #expect(table.hit(try address("203.0.113.53"), at: now) == nil)
        #expect(table.hit(try address("203.0.113.100"), at: now) == nil)
        #expect(table.hit(try address("2001:db9::53"), at: now) == nil)
        #expect(table.hit(try address("203.0.113.54"), at: now) != nil)
        #expect(table.hit(try address("203.0.113.128"), at: now) != nil)
        #expect(table.hit(try address("2001:db9::54"), at: now) != nil)
    }

    @Test(arguments: [
        ("0.0.0.0/0", IndicatorTableBuilder.Refusal.overBroad), ("128.0.0.0/1", .overBroad),
        ("10.0.0.0/8", .overBroad), ("10.9.0.0/16", .special), ("192.168.1.7", .special),
        ("127.0.0.1", .special), ("169.254.1.1", .special), ("224.0.0.0/16", .special),
        ("100.64.0.1", .special), ("255.255.255.255", .special), ("::/0", .overBroad),
        ("2001::/16", .overBroad), ("fe80::1", .special), ("fd00::/32", .special),
        ("::1", .special), ("203.0.113.53", .exempt),
    ])
    func aPrefixThatIsTooWideOrNotOnTheInternetIsRefused(
        text: String, refusal: IndicatorTableBuilder.Refusal
    ) throws {
        var builder = IndicatorTableBuilder(
            exempt: [prefix("203.0.113.53")], generation: 1, key: 1)
        let refused = builder.add(prefix(text), Listing(source: 0, confidence: 50))
        #expect(refused == refusal)
        #expect(builder.count == 0)
    }

    @Test func anOldOrExpiredEntryDoesNotCount() throws {
        let known = try address("203.0.113.9")
        let table = try table([("a", ["203.0.113.9"])], last: now, until: now + 50_000)
        let set = table.set(of: known)
        #expect(table.isCurrent(set, at: now) && !table.isCurrent(set, at: now + 50_000))
        #expect(table.hit(known, at: now + 50_000) == nil)
        let old = try self.old()
        #expect(old.hit(known, at: now + 86_400)?.confidence == 30)
        #expect(old.hit(known, at: now + 86_401) == nil)
        // A capture from before the list.
        #expect(old.hit(known, at: now - 1_000_000)?.confidence == 60)
    }

    private func old() throws -> IndicatorTable { try table([("a", ["203.0.113.9"])]) }

    @Test func aSharedOrWideAddressIsDiscountedAndItIsSaid() throws {
        let table = try table([("a", ["104.16.0.0/16", "1.1.1.1", "203.0.0.0/16", "151.101.1.69"])])
        let proxy = try #require(table.hit(try address("104.16.3.4"), at: now))
        #expect(proxy.confidence == 8 && proxy.text.contains("Cloudflare"), "\(proxy.text)")
        let cache = try #require(table.hit(try address("151.101.1.69"), at: now))
        #expect(cache.confidence == 15 && cache.text.contains("Fastly"), "\(cache.text)")
        let resolver = try #require(table.hit(try address("1.1.1.1"), at: now))
        #expect(resolver.confidence == 15 && resolver.text.contains("public resolver"))
        #expect(table.hit(try address("203.0.9.9"), at: now)?.confidence == 30)
    }

    /// A feed that repeats an address with other times makes no long set, which a look-up would
    /// have to walk.
    @Test func aListThatRepeatsAnObjectCountsOnceWithItsNewestTime() throws {
        var builder = IndicatorTableBuilder(exempt: [], generation: 1, key: 99)
        let lists = [try list("a", in: &builder), try list("b", in: &builder)]
        let known = prefix("203.0.113.9")
        for number in 0..<100_000 {
            let listing = Listing(
                source: lists[number & 1], confidence: 60,
                last: UInt32(now - 200_000 + number * 7919 % 100_001))
            #expect(builder.add(known, listing) == nil)
            #expect(builder.add(name: Array("evil.example".utf8)[...], listing) == nil)
        }
        for source in lists {
            _ = builder.add(known, Listing(source: source, confidence: 60, last: UInt32(now)))
        }
        let table = builder.build()
        let hit = try #require(table.hit(known.address, at: now))
        #expect(hit.sources.map(\.ageSeconds) == [0, 0] && hit.sources.count == 2)
        var count = 0
        for source in lists { table.forEachPrefix(of: source) { _, _ in count += 1 } }
        #expect(count == 2)
        #expect(table.hit(name: "evil.example", at: now) == nil)
        #expect(table.hit(name: "evil.example", at: now - 90_000)?.sources.count == 2)
    }

    @Test func whatWasReadCanBeTakenOver() throws {
        let before = try table([
            ("a", ["203.0.113.0/24", "203.0.113.9", "2001:db9::/48", "evil.example"]),
            ("b", ["203.0.113.9"]),
        ])
        var builder = IndicatorTableBuilder(exempt: [], generation: 2, key: 5)
        let own = try list("a", in: &builder)
        builder.keep(0, as: own, from: before)
        let after = builder.build()
        for text in ["203.0.113.9", "203.0.113.77", "2001:db9::5"] {
            let hit = try #require(after.hit(try address(text), at: now))
            #expect(
                hit.sources
                    == before.hit(try address(text), at: now)?.sources.filter {
                        $0.name == "a"
                    })
        }
        #expect(after.hit(name: "www.evil.example", at: now)?.sources.map(\.name) == ["a"])
    }
}

struct NameTableTests {
    @Test func aNameIsFoundByEverySuffixOfWholeLabels() throws {
        let table = try table([
            ("a", ["evil.example", "*.Deep.Other.example.", "c2.evil.example"])
        ])
        #expect(table.hit(name: "evil.example", at: now)?.value == "evil.example")
        #expect(table.hit(name: "WWW.a.evil.example", at: now)?.value == "evil.example")
        #expect(table.hit(name: "x.c2.evil.example", at: now)?.value == "c2.evil.example")
        #expect(table.hit(name: "deep.other.example", at: now) != nil)
        for other in ["notevil.example", "example", "other.example", "evil.example.org", "", "."] {
            #expect(table.hit(name: other, at: now) == nil, "\(other)")
        }
    }

    /// A name has the same hash alone and as the end of another, whatever its labels' lengths.
    @Test func namesOfAllLengthsAreFoundAloneAndBelowOthers() throws {
        let letters = String(repeating: "abcdefghijk", count: 6)
        var listed: [String] = []
        for length in 1...63 {
            let label = letters.prefix(length)
            listed += ["\(label).q\(length)", "q.x\(label.prefix(62))", "\(label).\(label)z.org"]
        }
        listed.removeAll { $0.split(separator: ".").contains { $0.count > 63 } }
        let table = try table([("a", listed)])
        #expect(table.names.count == Set(listed).count)
        for name in listed {
            for text in [name, "w." + name, "a-b." + name, "long-label-in-front." + name] {
                #expect(table.hit(name: text, at: now)?.value == name, "\(text)")
            }
            #expect(table.hit(name: "w" + name, at: now)?.value != name, "w\(name)")
        }
    }

    @Test(arguments: ["com", "co.uk", "org", "ac.jp"])
    func aDomainForEverybodyIsRefused(name: String) {
        var builder = IndicatorTableBuilder(exempt: [], generation: 1, key: 1)
        let refusal = builder.add(name: Array(name.utf8)[...], Listing(source: 0, confidence: 50))
        #expect(refusal == .shared)
    }

    @Test(arguments: [
        "", ".", "..", "a..b", "-", "1.2.3.4", "300.1.1.1", "a b.example", "a\u{1B}[31m.example",
        "http://evil.example/", "b\u{E4}d.example", String(repeating: "a", count: 64) + ".example",
        String(repeating: "a.", count: 130) + "example", "a\0.example",
    ])
    func whatIsNoNameIsRefused(name: String) {
        var builder = IndicatorTableBuilder(exempt: [], generation: 1, key: 1)
        let refusal = builder.add(name: Array(name.utf8)[...], Listing(source: 0, confidence: 50))
        #expect(refusal == .unreadable || refusal == .shared, "\(name)")
    }

    @Test func aServiceForEverybodyIsDiscounted() throws {
        let table = try table([("a", ["github.io", "evil.github.io"])])
        #expect(table.hit(name: "good.github.io", at: now)?.confidence == 15)
        #expect(table.hit(name: "x.evil.github.io", at: now)?.confidence == 60)
    }

    /// Numbers of an earlier table, in packets that were held back meanwhile, mean nothing.
    @Test func aNumberOfAnotherTableIsNotUsed() throws {
        var builder = IndicatorTableBuilder(exempt: [], generation: 2, key: 1)
        let source = try list("b", in: &builder)
        _ = builder.add(
            name: Array("innocent.example".utf8)[...],
            Listing(source: source, confidence: 50, last: UInt32(now)))
        let next = builder.build()
        let wire: [UInt8] = [4] + Array("evil".utf8) + [7] + Array("example".utf8)
        let number = try table([("a", ["evil.example"])]).names.find(wire.span)
        #expect(number != 0)
        #expect(next.hit(name: number, at: now) == nil)
        #expect(next.identity(ofName: number, at: now) == nil)
    }

    @Test func manyNamesAndMalformedQuestionsAreHarmless() throws {
        let names = (0..<20_000).map { "n\($0).d\($0 % 97).example" }
        let table = try table([("a", names)])
        #expect(table.names.count == 20_000)
        for name in names.prefix(500) { #expect(table.hit(name: "x." + name, at: now) != nil) }
        #expect(table.hit(name: "n20000.d1.example", at: now) == nil)
        for wire: [UInt8] in [
            [], [0], [5, 97], [255], [1, 97, 200], [UInt8](repeating: 1, count: 255),
        ] {
            #expect(table.names.find(wire.span) == 0)
        }
    }
}
