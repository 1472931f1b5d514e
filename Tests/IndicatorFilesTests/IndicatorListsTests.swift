import Foundation
import Indicators
import NetworkAddresses
import SystemSupport
import TestKit
import Testing
import Timestamps

@testable import IndicatorFiles

/// Lists that change, and files that are something else.
struct IndicatorListsTests {
    private let scratch = try! Scratch()

    private func entry(_ name: String, _ path: String? = nil) -> IndicatorEntry {
        IndicatorEntry(name: name, path: path ?? scratch.path(name))
    }

    private func finds(_ table: IndicatorTable, _ text: String) -> Bool {
        let now = Clock.now().second
        return IPAddress(text).map { table.hit($0, at: now) != nil }
            ?? (table.hit(name: text, at: now) != nil)
    }

    /// The outcome of a reading that found something new.
    private func changed(_ outcome: IndicatorLists.Outcome?) throws -> IndicatorLists.Outcome {
        try #require(outcome)
    }

    @Test func onlyAChangeIsReadAgain() throws {
        _ = try scratch.write("a", Data("198.51.100.7\n".utf8))
        var lists = IndicatorLists()
        #expect(lists.read([entry("a")], exempt: []) != nil)
        #expect(lists.read([entry("a")], exempt: []) == nil)
        // A private address is never an indicator: a new container changes nothing.
        #expect(lists.read([entry("a")], exempt: IPPrefix("10.1.2.3").map { [$0] } ?? []) == nil)
        let allowed = try changed(
            lists.read([entry("a")], exempt: IPPrefix("198.51.100.7").map { [$0] } ?? []))
        #expect(!finds(allowed.table, "198.51.100.7"))
        _ = try scratch.write("a", Data("198.51.100.7\n198.51.100.8\n".utf8))
        let next = try changed(lists.read([entry("a")], exempt: []))
        #expect(finds(next.table, "198.51.100.7") && finds(next.table, "198.51.100.8"))
        let none = try changed(lists.read([], exempt: []))
        #expect(none.table.isEmpty)
    }

    /// A broken version of one list leaves what was read of it, and hinders no other list.
    @Test func aBrokenVersionKeepsTheOneBefore() throws {
        let good = "198.51.100.0/25\n203.0.113.9\n2001:db9::/40\nevil.example\n"
        _ = try scratch.write("a", Data(good.utf8))
        _ = try scratch.write("b", Data("5.9.0.1\n".utf8))
        let entries = [entry("a"), entry("b")]
        var lists = IndicatorLists()
        _ = lists.read(entries, exempt: [])
        let broken: [Data?] = [
            Data("192.0.2.1\n192.0.2.22\n198.51.100.1".utf8),
            Data("192.0.2.1\n<html>\n<body class=x>\n".utf8), nil,
            Data(#"{"type":"bundle","objects":[{"#.utf8),
        ]
        for (number, bytes) in broken.enumerated() {
            if let bytes {
                _ = try scratch.write("a", bytes)
            } else {
                try FileManager.default.removeItem(atPath: scratch.path("a"))
            }
            _ = try scratch.write("b", Data("5.9.0.\(number + 2)\n".utf8))
            let outcome = try changed(lists.read(entries, exempt: []))
            #expect(outcome.failures.map(\.name) == ["a"])
            let report = try #require(outcome.failures.first)
            #expect(report.isKept)
            #expect(report.text(at: Clock.now()).hasSuffix("what was read before stays in use"))
            for kept in [
                "198.51.100.77", "203.0.113.9", "2001:db9::1", "www.evil.example",
                "5.9.0.\(number + 2)",
            ] { #expect(finds(outcome.table, kept), "\(kept)") }
            for other in ["192.0.2.1", "192.0.2.22", "5.9.0.1"] {
                #expect(!finds(outcome.table, other), "\(other)")
            }
        }
        _ = try scratch.write("a", Data("192.0.2.1\n".utf8))
        let outcome = try changed(lists.read(entries, exempt: []))
        #expect(outcome.failures.isEmpty)
        #expect(finds(outcome.table, "192.0.2.1") && !finds(outcome.table, "203.0.113.9"))
    }

    /// Several broken lists at once, before there is anything to keep.
    @Test func brokenListsAtTheStartHinderNoOther() throws {
        for name in ["a", "b", "c"] {
            _ = try scratch.write(name, Data("192.0.2.1\n192.0.2.2".utf8))
        }
        _ = try scratch.write("d", Data("198.51.100.7\n".utf8))
        var lists = IndicatorLists()
        let outcome = try changed(lists.read(["a", "b", "c", "d"].map { entry($0) }, exempt: []))
        #expect(outcome.failures.count == 3)
        #expect(finds(outcome.table, "198.51.100.7") && !finds(outcome.table, "192.0.2.1"))
        let hit = outcome.table.hit(
            try #require(IPAddress("198.51.100.7")), at: Clock.now().second)
        #expect(hit?.listCount == 1)
    }

    @Test func aFolderIsOneListForEachFile() throws {
        let folder = scratch.path("lists")
        try FileManager.default.createDirectory(
            atPath: folder + "/old", withIntermediateDirectories: true)
        func write(_ name: String, _ text: String) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/" + name))
        }
        try write("one.ipset", "198.51.100.7\n")
        try write("two.netset", "198.51.100.0/24\n")
        try write(".hidden", "192.0.2.1\n")
        try write("three.tmp", "192.0.2.1\n")
        try write("manifest.json", "{}")
        var lists = IndicatorLists()
        let entries = [entry("feeds", folder)]
        let outcome = try changed(lists.read(entries, exempt: []))
        #expect(outcome.reports.map(\.name) == ["feeds/one.ipset", "feeds/two.netset"])
        let address = try #require(IPAddress("198.51.100.7"))
        let hit = try #require(outcome.table.hit(address, at: Clock.now().second))
        #expect(hit.sources.count == 2 && hit.text.contains("2 of 2 lists"), "\(hit.text)")
        #expect(!finds(outcome.table, "192.0.2.1"))
        try write("three.tmp", "192.0.2.3\n")
        #expect(lists.read(entries, exempt: []) == nil)
        try FileManager.default.removeItem(atPath: folder + "/two.netset")
        #expect(lists.read(entries, exempt: [])?.table.sources.count == 1)
        // The folder is gone for a moment.
        try FileManager.default.moveItem(atPath: folder, toPath: folder + ".moved")
        let gone = try changed(lists.read(entries, exempt: []))
        #expect(gone.failures.count == 1)
    }

    /// Neither waited for nor read: a pipe, a device, a folder's loop, a file of 5 GB.
    @Test func whatIsNoPlainFileIsRefusedAtOnce() throws {
        #expect(mkfifo(scratch.path("pipe"), 0o600) == 0)
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path("loop"), withDestinationPath: scratch.path("loop"))
        let huge = try scratch.write("huge", Data())
        #expect(truncate(huge, 5 << 30) == 0)
        let json = try scratch.write("json", Data("{".utf8))
        #expect(truncate(json, 40 << 20) == 0)
        for (path, words) in [
            (scratch.path("pipe"), "no plain file"), ("/dev/zero", "no plain file"),
            ("/dev/null", "no plain file"), (scratch.path("loop"), "symbolic links"),
            (scratch.path("absent"), "No such file"), (huge, "at most 256 MiB"),
            (json, "at most 32 MiB"),
        ] {
            var lists = IndicatorLists()
            let outcome = try changed(lists.read([IndicatorEntry(file: path)], exempt: []))
            let failure = outcome.reports.first?.failure ?? ""
            #expect(failure.contains(words), "\(path): \(failure)")
        }
    }

    /// A list that is replaced while it is read is read whole or refused, never half of each.
    @Test func aListThatChangesWhileItIsReadIsRefused() throws {
        let path = try scratch.write("a", Data("198.51.100.7\n198.51.100.8\n".utf8))
        var file = try InputFile(path, limit: 1 << 20)
        var buffer = [UInt8](repeating: 0, count: 8)
        #expect(try file.read(into: &buffer) == 8)
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("192.0.2.1\n".utf8))
        try handle.close()
        var failure = ""
        do {
            while try file.read(into: &buffer) > 0 {}
        } catch { failure = error.reason }
        #expect(failure == "was changed while it was read")
    }

    @Test func aSymbolicLinkThatIsSwappedGivesOneOfItsFiles() throws {
        let old = try scratch.write("old", Data("198.51.100.7\n198.51.100.8\n".utf8))
        let new = try scratch.write("new", Data("192.0.2.1\n".utf8))
        let link = scratch.path("link")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: old)
        var file = try InputFile(link, limit: 1 << 20)
        try FileManager.default.removeItem(atPath: link)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: new)
        var (bytes, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 8))
        while true {
            let count = try file.read(into: &buffer)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        #expect(bytes == Array("198.51.100.7\n198.51.100.8\n".utf8))
        var lists = IndicatorLists()
        let outcome = try changed(lists.read([entry("a", link)], exempt: []))
        #expect(finds(outcome.table, "192.0.2.1") && !finds(outcome.table, "198.51.100.7"))
    }
}
