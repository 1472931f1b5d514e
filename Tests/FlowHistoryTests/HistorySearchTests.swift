import FlowMetering
import Foundation
import Logging
import NetworkAddresses
import SQLite
import SystemSupport
import TestKit
import Testing
import Timestamps

@testable import FlowHistory

/// What queries read of a history, and histories of earlier versions.
struct HistorySearchTests {
    private let scratch: Scratch
    private let log = CollectedLog()

    init() throws { scratch = try Scratch() }

    private var directory: String { scratch.path("") }
    private var file: String { scratch.path("flows.db") }
    private var reader: HistoryReader { HistoryReader(directory: directory) }

    /// Flows of few and of many ends, with both address families, over an hour.
    private static func flows(_ count: Int, seed: UInt64 = 7) -> [FlowEntry] {
        var random = SeededGenerator(seed: seed)
        let first = Timestamp(second: 1_800_000_000)
        return (0..<count).map { index in
            func address() -> IPAddress {
                switch Int.random(in: 0..<4, using: &random) {
                case 0: IPAddress(v4: 0x0A00_0000 + UInt32.random(in: 0..<8, using: &random))
                case 1: IPAddress(v4: UInt32.random(in: .min ... .max, using: &random))
                case 2:
                    IPAddress(high: 0xFD00_0000_0000_0000, low: .random(in: 1..<5, using: &random))
                default: IPAddress(high: 0, low: .random(in: 2..<5, using: &random))
                }
            }
            let start = first + .seconds(index * 3600 / count)
            var entry = FlowEntry(
                from: address(), .random(in: 1024 ... .max, using: &random), to: address(),
                [53, 80, 443, 5432, .random(in: 0..<2000, using: &random)].randomElement(
                    using: &random)!,
                ipProtocol: [6, 17].randomElement(using: &random)!, start: start,
                end: start + .milliseconds(Int.random(in: 0..<30_000, using: &random)))
            entry.originatorBytes = UInt64(index)
            return entry
        }
    }

    private static let names: @Sendable (IPAddress, Timestamp) -> String? = { address, _ in
        address.isIPv4 && address.v4 >> 8 == 0x0A_0000 ? "shop/\(address.v4 & 3)" : nil
    }

    /// - Parameter size: flows of each block.
    private func write(_ flows: [FlowEntry], blocksOf size: Int) {
        for start in stride(from: 0, to: flows.count, by: size) {
            let writer = HistoryWriter(
                directory: directory, options: forever, logger: log.logger, name: Self.names)
            writer.submit(Array(flows[start..<min(start + size, flows.count)]))
            writer.stop()
            #expect(writer.status.lost == 0 && writer.status.trouble == nil, "\(log.lines)")
        }
    }

    private var forever: HistoryOptions {
        var options = HistoryOptions()
        options.age = .seconds(40_000 * 86_400)
        return options
    }

    private func all(_ query: FlowQuery, limit: Int = 1000) throws -> [FlowPage.Row] {
        var rows: [FlowPage.Row] = []
        var before: Int64?
        repeat {
            let page = try reader.page(query, before: before, limit: limit)
            #expect(page.damaged == 0)
            rows += page.rows
            before = page.before
        } while before != nil
        return rows
    }

    @discardableResult
    private func sql(_ text: String) throws -> Int64 {
        let database = try Database(path: HistoryFile.resolved(file), waiting: 5000)
        if text.hasPrefix("SELECT") || text.hasPrefix("PRAGMA user_version;") {
            return try database.integer(text)
        }
        try database.execute(text)
        return 0
    }

    /// Queries of every kind, and what each flow must have to be found.
    private static func queries(_ flows: [FlowEntry]) -> [(
        FlowQuery, @Sendable (NamedFlow) -> Bool
    )] {
        var found: [(FlowQuery, @Sendable (NamedFlow) -> Bool)] = []
        let hosts = [
            "shop/1", "shop/3", "nobody", "10.0.0.1", "10.0.0.0/29", "10.0.0.0/24", "10.0.0.0/25",
            "10.0.0.0/8", "0.0.0.0/1", "fd00::2", "fd00::/64", "fd00::/8", "::/64", "::3", "::/0",
            "fd01::/64", "192.0.2.0/24",
        ]
        @Sendable func has(_ text: String, _ address: IPAddress, _ name: String?) -> Bool {
            IPPrefix(text).map { $0.contains(address) } ?? (name == text)
        }
        for (index, host) in hosts.enumerated() {
            var query = FlowQuery()
            query.workload = .init(host)
            found.append(
                (
                    query,
                    {
                        has(host, $0.entry.originator, $0.originatorName)
                            || has(host, $0.entry.responder, $0.responderName)
                    }
                ))
            let other = hosts[(index * 5 + 3) % hosts.count]
            query.peer = .init(other)
            found.append(
                (
                    query,
                    {
                        has(host, $0.entry.originator, $0.originatorName)
                            && has(other, $0.entry.responder, $0.responderName)
                            || has(other, $0.entry.originator, $0.originatorName)
                                && has(host, $0.entry.responder, $0.responderName)
                    }
                ))
        }
        for port in ["53", "tcp/53", "udp/443", "1999", "tcp/65535", "0"] {
            var query = FlowQuery()
            query.port = .init(port)
            let wanted = query.port
            found.append(
                (
                    query,
                    {
                        $0.entry.responderPort == wanted?.number
                            && wanted?.ipProtocol ?? $0.entry.ipProtocol == $0.entry.ipProtocol
                    }
                ))
        }
        let (from, to) = (flows[flows.count / 3].start, flows[flows.count / 2].start)
        for port in [nil, "443"] {
            var query = FlowQuery()
            (query.from, query.to) = (from, to)
            query.port = port.flatMap { .init($0) }
            found.append(
                (
                    query,
                    {
                        $0.entry.end.milliseconds >= from.milliseconds
                            && $0.entry.start.milliseconds <= to.milliseconds
                            && (port == nil || $0.entry.responderPort == 443)
                    }
                ))
        }
        return found
    }

    private func expectAll(_ flows: [FlowEntry]) throws {
        let rows = try all(FlowQuery())
        try #require(rows.count == flows.count)
        #expect(rows.reversed().map(\.flow.entry.originatorBytes) == flows.map(\.originatorBytes))
        for (query, isWanted) in Self.queries(flows) {
            let expected = rows.filter { isWanted($0.flow) }
            #expect(try all(query) == expected, "\(query)")
            // Pages of few flows are the same.
            if expected.count < 50 { #expect(try all(query, limit: 3) == expected, "\(query)") }
        }
    }

    @Test func eachQueryFindsAllThatMatchesAndNothingElse() throws {
        let flows = Self.flows(3000)
        write(flows, blocksOf: 700)
        #expect(try sql("SELECT count(*) FROM filters") == 5)
        try expectAll(flows)
    }

    /// The history of an earlier version: one frame for all columns, and no filters.
    private func makeVersion1() throws {
        let database = try Database(path: HistoryFile.resolved(file), waiting: 5000)
        let blocks = try database.all("SELECT number, count, columns FROM blocks") {
            ($0.integer(0), Int($0.integer(1)), $0.blob(2))
        }
        for (number, count, columns) in blocks {
            let content = try #require(ZstdFrame.content(of: columns, size: count * 45))
            let frame = try #require(ZstdFrame.compressed(content))
            #expect(ZstdFrame.frames(in: frame, limit: 5)?.count == 1)
            try database.execute(
                "UPDATE blocks SET columns = ? WHERE number = ?", [frame, number])
        }
        try database.execute("DROP TABLE filters; PRAGMA user_version = 1")
    }

    @Test func aHistoryOfVersion1IsReadAndContinued() throws {
        let flows = Self.flows(2000)
        write(Array(flows[..<1500]), blocksOf: 500)
        try makeVersion1()
        try expectAll(Array(flows[..<1500]))
        #expect(try sql("PRAGMA user_version;") == 1)
        write(Array(flows[1500...]), blocksOf: 500)
        #expect(try sql("PRAGMA user_version;") == HistoryFile.version)
        #expect(try sql("SELECT count(*) FROM filters") == 1)
        try expectAll(flows)
    }

    @Test(arguments: [3, 0, -1]) func aHistoryOfAnotherVersionIsLeftAsItIs(version: Int) throws {
        write(Self.flows(100), blocksOf: 100)
        try sql("PRAGMA user_version = \(version)")
        let error = #expect(throws: HistoryError.self) { try reader.page(FlowQuery(), limit: 1) }
        #expect(error?.description.split(separator: "\n").count == 1)
        guard version > 0 else { return }
        #expect(error == .newer(path: file))
        let writer = HistoryWriter(
            directory: directory, options: forever, logger: log.logger, name: Self.names)
        writer.submit(Self.flows(10))
        writer.stop()
        #expect(writer.status.written == 0 && writer.status.trouble?.contains("newer") == true)
        #expect(try sql("SELECT count(*) FROM blocks") == 1)
    }

    /// Blocks that have neither the port nor the end are not read at all: here that would find
    /// damage.
    @Test func blocksWithoutTheValueAreSkipped() throws {
        write(Self.flows(1000), blocksOf: 500)
        try sql("UPDATE blocks SET columns = x'00', hosts = x'00'")
        // A filter is wrong about one of a hundred.
        var readCount = 0
        for index in 0..<40 {
            for (host, port) in [
                ("192.0.2.\(index)", nil), (nil, "tcp/\(60_000 + index)"), ("nobody-\(index)", nil),
                ("fd99:0:0:\(index)::/64", nil), ("10.0.0.1", "\(50_000 + index)"),
            ] as [(String?, String?)] {
                var query = FlowQuery()
                query.workload = host.flatMap { .init($0) }
                query.port = port.flatMap { .init($0) }
                let page = try reader.page(query, limit: 10)
                #expect(page.rows.isEmpty && page.before == nil)
                if page.damaged > 0 { readCount += 1 }
            }
        }
        #expect(readCount < 20, "\(readCount) of 200")
        var query = FlowQuery()
        query.port = .init("443")
        #expect(try reader.page(query, limit: 10).damaged == 1000)
    }

    @Test(arguments: ["x''", "x'00'", "substr(filter, 1, length(filter) - 1)"])
    func aDamagedFilterSkipsNothing(_ damage: String) throws {
        let flows = Self.flows(600)
        write(flows, blocksOf: 300)
        try sql("UPDATE filters SET filter = \(damage)")
        let found = flows.filter { $0.responderPort == 443 }.count
        var query = FlowQuery()
        query.port = .init("443")
        #expect(try all(query).count == found)
        try sql("DELETE FROM filters")
        #expect(try all(query).count == found)
    }

    @Test func filtersGoWithTheirBlocks() throws {
        var options = HistoryOptions()
        options.age = .seconds(40_000 * 86_400)
        options.bytes = 256 << 10
        for seed in 0..<8 {
            let writer = HistoryWriter(
                directory: directory, options: options, logger: log.logger, name: Self.names)
            writer.submit(Self.flows(6000, seed: UInt64(seed)))
            writer.stop()
        }
        let blocks = try sql("SELECT count(*) FROM blocks")
        #expect(blocks > 0 && blocks < 8)
        #expect(try sql("SELECT count(*) FROM filters") == blocks)
        #expect(
            try sql("SELECT count(*) FROM filters WHERE number IN (SELECT number FROM blocks)")
                == blocks)
    }

    @Test func aFilterNeverLacksWhatItHas() throws {
        var random = SeededGenerator(seed: 3)
        for count in [1, 2, 63, 64, 1000, 20_000] {
            let keys = Set(
                (0..<count).map { _ in
                    BlockFilter.Key.address(
                        IPAddress(
                            high: .random(in: 0 ... .max, using: &random),
                            low: .random(in: 0 ... .max, using: &random)))
                })
            let frame = try #require(BlockFilter(keys).frame)
            let filter = try #require(BlockFilter(frame: frame))
            #expect(keys.allSatisfy(filter.mayContain))
            let others = (0..<10_000).count { _ in
                filter.mayContain(
                    .address(IPAddress(high: 1, low: .random(in: 0 ... .max, using: &random))))
            }
            #expect(others < 300, "\(count): \(others) of 10000")
        }
        // The same port in two protocols, and a name that looks like one.
        let filter = BlockFilter([.service(6, 443)])
        #expect(filter.mayContain(.service(6, 443)))
        #expect(!filter.mayContain(.service(17, 443)) && !filter.mayContain(.name("443")))
    }
}
