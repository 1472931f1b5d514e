import Foundation
import Indicators
import NetworkAddresses
import TestKit
import Testing
import Timestamps

@testable import IndicatorFiles

private let own = IPPrefix("203.0.113.53").map { [$0] } ?? []

/// Reads one list with `text`.
private func read(_ text: String, name: String = "list") throws -> IndicatorLists.Outcome {
    try read(Data(text.utf8), name: name)
}

private func read(_ bytes: Data, name: String = "list") throws -> IndicatorLists.Outcome {
    let scratch = try Scratch()
    let path = try scratch.write(name, bytes)
    var lists = IndicatorLists(key: 3)
    let outcome = lists.read([IndicatorEntry(name: name, path: path)], exempt: own)
    return try #require(outcome)
}

private func report(_ outcome: IndicatorLists.Outcome) throws -> ListReport {
    try #require(outcome.reports.first)
}

private let now = Clock.now().second

private func finds(_ outcome: IndicatorLists.Outcome, _ text: String) -> Bool {
    if let address = IPAddress(text) { return outcome.table.hit(address, at: now) != nil }
    return outcome.table.hit(name: text, at: now) != nil
}

struct ListReaderTests {
    /// The head of a list of FireHOL as it is published, with entries of level 1 that concern
    /// private networks.
    @Test func aListOfFireHOLIsRead() throws {
        let outcome = try read(
            """
            #
            # firehol_level2
            #
            # ipv4 hash:net ipset
            #
            # Maintainer      : FireHOL
            # Entries         : 17863 subnets, 34991 unique IPs
            #
            0.0.0.0/8
            10.0.0.0/8
            1.10.16.0/20
            5.188.10.0/23
            198.51.100.7
            127.0.0.0/8
            192.168.0.0/16
            224.0.0.0/3
            203.0.113.53

            """)
        let report = try report(outcome)
        #expect(report.failure == nil && report.loaded == 3, "\(report)")
        #expect(
            report.refused == [.overBroad: 4, .special: 1, .exempt: 1], "\(report.refused)")
        for found in ["1.10.31.255", "5.188.11.1", "198.51.100.7"] {
            #expect(finds(outcome, found), "\(found)")
        }
        for other in ["1.10.32.0", "10.1.1.1", "203.0.113.53"] {
            #expect(!finds(outcome, other), "\(other)")
        }
    }

    @Test func aMarkOfUTF8IsNoPartOfTheFirstLine() throws {
        let outcome = try read("\u{FEFF}203.0.113.7\nevil.example\n")
        let report = try report(outcome)
        #expect(report.loaded == 2 && report.refused.isEmpty, "\(report)")
        #expect(finds(outcome, "203.0.113.7"))
    }

    @Test func aHostsFileIsRead() throws {
        let outcome = try read(
            """
            # Title: StevenBlack/hosts
            127.0.0.1 localhost
            127.0.0.1 localhost.localdomain
            255.255.255.255 broadcasthost
            ::1 ip6-loopback
            fe80::1%lo0 localhost
            0.0.0.0 0.0.0.0

            0.0.0.0 ads.example.net  tracker.example.net # two
            0.0.0.0\tevil.example\r
            192.0.2.44 intranet.example

            """)
        let report = try report(outcome)
        #expect(report.format == "hosts file" && report.loaded == 3, "\(report)")
        #expect(report.refused == [.unreadable: 1], "\(report)")
        #expect(finds(outcome, "x.ads.example.net") && finds(outcome, "evil.example"))
        #expect(!finds(outcome, "localhost") && !finds(outcome, "intranet.example"))
    }

    @Test func otherPlainNotationsAreRead() throws {
        let outcome = try read(
            """
            1.10.16.0/20 ; SBL256894
            *.wild.example
            .dotted.example
            5.9.0.250-5.9.1.5
            2001:db8:1::/48
            2A01:4F8::1

            """)
        let report = try report(outcome)
        #expect(report.refusedCount == 0, "\(report)")
        for found in [
            "1.10.20.1", "a.wild.example", "dotted.example", "5.9.0.250", "5.9.1.5",
            "2001:db8:1::9",
            "2a01:4f8::1",
        ] { #expect(finds(outcome, found), "\(found)") }
        #expect(!finds(outcome, "5.9.0.249") && !finds(outcome, "5.9.1.6"))
    }

    /// Addresses are read as `IPAddress` reads them, and nothing else is.
    @Test(arguments: [
        "::", "::1", "1::", "1::8", "1:2:3:4:5:6:7:8", "fe80::1", "::ffff:1.2.3.4",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8", ":", ":::", "1:::2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", ":1:2",
        "1:2:",
        "12345::", "g::", "1.2.3.4", "01.2.3.4", "1.2.3", "1.2.3.4.5", "256.1.1.1", "::1::",
        "1:2:3:4:5:6:7:8::", "",
    ])
    func anAddressIsReadAsByIPAddress(text: String) {
        let read = AddressText.prefix(Array(text.utf8)[...])
        #expect(read == IPAddress(text).map(IPPrefix.init(host:)), "\(text)")
    }

    /// A feed that has something else after a slash does not become the whole Internet.
    @Test(arguments: [
        "1.2.3.4/1/path", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "::1/129", "1.2.3.4/ 8",
    ])
    func aMalformedPrefixIsUnreadable(text: String) throws {
        #expect(AddressText.prefix(Array(text.utf8)[...]) == nil)
    }

    @Test func aStaleListIsSaidToBeStale() throws {
        let scratch = try Scratch()
        let path = try scratch.write("old", Data("198.51.100.7\n".utf8))
        let old = Date(timeIntervalSinceNow: -40 * 86_400)
        try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: path)
        var lists = IndicatorLists()
        let read = lists.read([IndicatorEntry(name: "old", path: path)], exempt: [])
        let outcome = try #require(read)
        let report = try report(outcome)
        #expect(report.isStale(at: Clock.now()))
        #expect(report.text(at: Clock.now()).contains("older than 30d"))
        #expect(!finds(outcome, "198.51.100.7"))
    }

    // MARK: - Feeds

    @Test func aBundleOfSTIXIsRead() throws {
        func indicator(_ pattern: String, _ more: String = "") -> String {
            """
            {"type":"indicator","spec_version":"2.1","id":"indicator--1",
             "created":"2026-11-01T00:00:00.000Z","modified":"2026-11-20T00:00:00.000Z",
             "pattern":"\(pattern)","pattern_type":"stix",
             "valid_from":"2026-11-01T00:00:00Z"\(more)}
            """
        }
        let objects = [
            #"{"type":"identity","spec_version":"2.1","name":"x"}"#, "7", "null",
            indicator(
                """
                [ipv4-addr:value ISSUBSET '198.51.100.0/24'] \
                OR [domain-name:value = 'c2.example.net']
                """
            ),
            indicator("[ipv4-addr:value IN ('203.0.113.9', '203.0.113.10')]", #","confidence":80"#),
            indicator(
                """
                [network-traffic:dst_ref.value = '203.0.113.77' \
                AND network-traffic:dst_port = 443]
                """),
            indicator("[ipv4-addr:value = 'not-an-ip']"),
            indicator("[ipv4-addr:value = '0.0.0.0/0']"),
            indicator("[domain-name:value LIKE '%.example']"),
            indicator("[ipv4-addr:value != '203.0.113.11']"),
            indicator("[ipv4-addr:value = '203.0.113.12' AND domain-name:value = 'a.example']"),
            indicator("[network-traffic:dst_port = 443]"),
            indicator(
                "[ipv4-addr:value = '203.0.113.13'] FOLLOWEDBY [ipv4-addr:value = '203.0.113.14']"),
            indicator("[ipv4-addr:value = '203.0.113.15']", #","revoked":true"#),
            indicator(
                "[ipv4-addr:value = '203.0.113.16']", #","valid_until":"2020-01-01T00:00:00Z""#),
            indicator("[file:name = 'x']"),
            #"{"type":"indicator","id":"x","pattern":"[ipv4-addr:value = '203.0.113.17']"}"#,
        ]
        let outcome = try read(
            #"{"type":"bundle","id":"bundle--1","objects":[\#(objects.joined(separator: ","))]}"#)
        let report = try report(outcome)
        #expect(report.failure == nil && report.format == "STIX 2.1", "\(report)")
        #expect(report.loaded == 6, "\(report)")
        #expect(
            report.refused == [
                .unreadable: 1, .overBroad: 1, .unsupported: 6, .revoked: 1, .otherVersion: 1,
            ], "\(report.refused)")
        let time = 1_795_000_000
        func hit(_ text: String) -> IndicatorHit? {
            IPAddress(text).flatMap { outcome.table.hit($0, at: time) }
        }
        #expect(hit("198.51.100.200") != nil && hit("203.0.113.10")?.confidence ?? 0 > 60)
        #expect(hit("203.0.113.77") != nil)
        #expect(outcome.table.hit(name: "x.c2.example.net", at: time) != nil)
        for last in 11...17 { #expect(hit("203.0.113.\(last)") == nil, "\(last)") }
    }

    @Test func anEventOfMISPIsRead() throws {
        let stamp = Clock.now().second
        func attribute(_ type: String, _ value: String, _ more: String = #""to_ids":true"#)
            -> String
        {
            """
            {"uuid":"0849514a","type":"\(type)","value":"\(value)","timestamp":"\(stamp)",\(more)}
            """
        }
        let attributes = [
            attribute("ip-dst|port", "203.0.113.9|4444"), attribute("ip-src", "198.51.100.0/24"),
            attribute("domain|ip", "drop.example.org|203.0.113.10"),
            attribute("hostname", "known.example.org", #""to_ids":false"#),
            attribute("domain", "gone.example.org", #""to_ids":true,"deleted":true"#),
            attribute("md5", "d41d8cd98f00b204e9800998ecf8427e"), "[]", #"{"type":7}"#,
        ]
        let nested = """
            {"name":"domain-ip","Attribute":[{"type":"domain","to_ids":true,\
            "value":"object.example.org","timestamp":\(stamp)}]}
            """
        let event = """
            {"Event":{"uuid":"5f0f3c1e","info":"C2","timestamp":"\(stamp)",\
            "Attribute":[\(attributes.joined(separator: ","))],"Object":[\(nested)]}}
            """
        for text in [event, #"{"response":[\#(event)]}"#] {
            let outcome = try read(text)
            let report = try report(outcome)
            #expect(report.format == "MISP" && report.loaded == 5, "\(report)")
            #expect(report.refused == [.notForDetection: 1, .revoked: 1], "\(report)")
            for found in [
                "203.0.113.9", "203.0.113.10", "198.51.100.44", "drop.example.org",
                "a.object.example.org",
            ] { #expect(finds(outcome, found), "\(found)") }
            #expect(!finds(outcome, "known.example.org") && !finds(outcome, "gone.example.org"))
        }
    }

    /// A feed that says that it was last seen in 2100 is as old as its file.
    @Test func aTimeInTheFutureDoesNotKeepAnEntryYoung() throws {
        let outcome = try read(
            #"{"Event":{"Attribute":[{"type":"ip-dst","to_ids":true,"value":"203.0.113.9","#
                + #""timestamp":"4102444800"}]}}"#)
        let address = try #require(IPAddress("203.0.113.9"))
        #expect(outcome.table.hit(address, at: Clock.now().second) != nil)
        #expect(outcome.table.hit(address, at: Clock.now().second + 31 * 86_400) == nil)
    }

    // MARK: - Bad input

    @Test(arguments: [
        ("198.51.100.7\n198.51.100.77", "ends in the middle of a line"),
        (#"{"type":"bundle","objects":[{"type":"ind"#, "not valid JSON"),
        (#"{"type":"bundle","spec_version":"2.0","objects":[]}"#, "STIX 2.0"),
        (#"{"name":"x"}"#, "neither"), ("[1,2]", "neither"), ("[[[[", "not valid JSON"),
        (#"{"Event":7}"#, "wrong type"), (#"{"type":"bundle","objects":7}"#, "wrong type"),
        ("<!DOCTYPE html>\n<html>\n<p>404 not found</p>\n", "is no list"),
        ("\u{1B}]0;owned\u{7}\n\0\0\0\n", "is no list"),
    ])
    func aFileThatIsNoListIsRefusedInOneLine(text: String, words: String) throws {
        let outcome = try read(text)
        let report = try report(outcome)
        let line = report.text(at: Clock.now())
        #expect(report.failure?.contains(words) == true, "\(line)")
        #expect(outcome.table.isEmpty)
        #expect(line.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value < 127 }, "\(line)")
        #expect(line.utf8.count < 600, "\(line)")
    }

    @Test func deepJSONIsRefused() throws {
        let outcome = try read(
            #"{"type":"bundle","objects":"# + String(repeating: "[", count: 200_000))
        #expect(try report(outcome).failure != nil)
    }

    @Test func aListThatCoversTheInternetBitByBitIsRefused() throws {
        let lines = (1...223).filter { $0 != 10 && $0 != 127 }.flatMap { first in
            (0...255).map { "\(first).\($0).0.0/16\n" }
        }
        let outcome = try read(lines.joined())
        #expect(try report(outcome).failure?.contains("sixteenth") == true)
        #expect(outcome.table.isEmpty)
    }

    @Test func anEmptyListIsNoFault() throws {
        for text in ["", "# nothing today\n"] {
            let report = try report(try read(text))
            #expect(report.failure == nil && report.loaded == 0)
        }
    }

    @Test func aMillionErrorsAreOneLine() throws {
        let outcome = try read(String(repeating: "?\u{1B}[2J\n", count: 1_000_000))
        let line = try report(outcome).text(at: Clock.now())
        #expect(line.contains("is no list") && line.utf8.count < 600, "\(line)")
    }

    @Test func longLinesAreCountedAndLeftOut() throws {
        let long = String(repeating: "a", count: 300_000)
        let outcome = try read("198.51.100.7\n\(long)\n198.51.100.8\n\(long)\n")
        let report = try report(outcome)
        #expect(report.loaded == 2 && report.refused == [.tooLong: 2], "\(report)")
        #expect(finds(outcome, "198.51.100.8"))
    }
}
