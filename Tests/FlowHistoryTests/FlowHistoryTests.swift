import FlowHistory
import FlowMetering
import Foundation
import Logging
import NetworkAddresses
import SystemSupport
import TestKit
import Testing
import Timestamps

/// The history's file: what is written is read again, and faults of the disk have stated results.
struct FlowHistoryTests {
    private let scratch: Scratch
    private let log = CollectedLog()

    init() throws { scratch = try Scratch() }

    private var directory: String { scratch.path("") }
    private var file: String { scratch.path("flows.db") }
    private var reader: HistoryReader { HistoryReader(directory: directory) }

    private static let web = IPAddress(v4: 0x0A00_0001)
    private static let database = IPAddress(v4: 0x0A00_0002)
    private static let names: @Sendable (IPAddress, Timestamp) -> String? = { address, _ in
        address == web ? "web" : address == database ? "database" : nil
    }

    private func writer(_ options: HistoryOptions = HistoryOptions()) -> HistoryWriter {
        HistoryWriter(
            directory: directory, options: options, logger: log.logger, name: Self.names)
    }

    /// Flows of `count` clients to the database, one in each millisecond before now.
    private func flows(_ count: Int, at end: Timestamp = Clock.now()) -> [FlowEntry] {
        (0..<count).map { index in
            let start = end - .milliseconds(count - index)
            var entry = FlowEntry(
                from: index % 4 == 0 ? Self.web : IPAddress(v4: 0x0B00_0000 + UInt32(index)),
                UInt16(1024 + index % 60_000), to: Self.database, index % 2 == 0 ? 5432 : 53,
                ipProtocol: index % 2 == 0 ? 6 : 17, start: start, end: start + .milliseconds(7))
            entry.originatorBytes = UInt64(index) << 20
            entry.responderPackets = UInt64(index)
            entry.state = .sf
            entry.isContinuation = index % 16 == 2
            entry.isNew = index % 8 == 2
            return entry
        }
    }

    private func write(
        _ batches: [[FlowEntry]], _ options: HistoryOptions = HistoryOptions()
    ) -> HistoryStatus {
        let writer = writer(options)
        for batch in batches { writer.submit(batch) }
        writer.stop()
        return writer.status
    }

    private func all(_ query: FlowQuery = FlowQuery(), limit: Int = 1000) throws -> [FlowPage.Row] {
        var rows: [FlowPage.Row] = []
        var before: Int64?
        repeat {
            let page = try reader.page(query, before: before, limit: limit)
            rows += page.rows
            before = page.before
        } while before != nil
        return rows
    }

    @Test func flowsAreReadAsTheyWereWritten() throws {
        let flows = flows(5000)
        let status = write([Array(flows[..<3000]), Array(flows[3000...])])
        #expect(status.written == 5000 && status.lost == 0 && status.trouble == nil)
        let rows = try all(limit: 7)
        #expect(rows.map(\.number) == (1...5000).reversed())
        for (row, flow) in zip(rows.reversed(), flows) {
            let read = row.flow.entry
            #expect((flow.start - read.start).magnitude < .milliseconds(1))
            var same = read
            same.start = flow.start
            same.end = flow.end
            #expect(same == flow)
        }
        #expect(rows.allSatisfy { $0.flow.responderName == "database" })
        #expect(rows.count { $0.flow.originatorName == "web" } == 1250)
    }

    @Test func aQueryTakesTimeEndsAndPort() throws {
        let flows = flows(4000)
        _ = write([flows])
        var query = FlowQuery()
        query.workload = .init("database")
        query.peer = .init("web")
        #expect(try all(query).count == 1000)
        query.workload = .init("10.0.0.2/32")
        query.peer = .init("10.0.0.1")
        #expect(try all(query).count == 1000)
        query.peer = .init("11.0.0.0/8")
        query.port = .init("udp/53")
        #expect(try all(query).count == 2000)
        query.port = .init("tcp/53")
        #expect(try all(query).isEmpty)
        query = FlowQuery()
        query.from = flows[1000].start
        query.to = flows[1999].start
        // Flows that began up to 7 ms earlier were still active.
        #expect((1000...1009).contains(try all(query).count))
        query.workload = .init("nobody")
        #expect(try all(query).isEmpty)
    }

    @Test func talkersAreSumsByWorkload() throws {
        var flows = flows(4000)
        // The web server opens flows to three peers that are new to its baseline, to one twice.
        for (index, peer) in [7, 8, 9, 9].enumerated() {
            var entry = flows[index * 4]
            entry.responder = IPAddress(v4: 0x0C00_0000 + UInt32(peer))
            entry.responderBytes = 1 << 40
            entry.isNew = true
            flows[index * 4] = entry
        }
        _ = write([flows])
        let (first, last) = (flows[0].start - .seconds(1), Clock.now())
        func talkers(_ order: FlowTalkers.Order, limit: Int = 10) throws -> FlowTalkers {
            try reader.talkers(from: first, to: last, by: order, limit: limit)
        }
        let all = try talkers(.flows)
        // 3000 clients without a name, the web server, the database and three new peers.
        #expect(all.total == 3005 && !all.isPartial && all.talkers.count == 10)
        let database = try #require(all.talkers.first)
        #expect(database.name == "database" && database.flows == 3996)
        #expect(database.peers == 3001 && database.newPeers == 0)
        let web = try #require(all.talkers.dropFirst().first)
        #expect(web.name == "web" && web.flows == 1000 && web.peers == 4 && web.newPeers == 3)
        let sent = flows.filter { $0.originator == Self.web }.map(\.originatorBytes)
        #expect(web.bytesSent == sent.reduce(0, +))
        #expect(web.bytesReceived >= 4 << 40 && web.bytes > web.bytesReceived)
        #expect(try talkers(.newPeers, limit: 1).talkers == [web])
        #expect(try talkers(.bytes, limit: 2).talkers.map(\.name) == ["database", "web"])
        // Only what was active in the time counts.
        let early = try reader.talkers(
            from: .epoch, to: flows[0].start - .seconds(1), by: .bytes, limit: 10)
        #expect(early == FlowTalkers())
    }

    /// Addresses for which nothing but themselves speaks are one row, and one peer.
    @Test func addressesThatMayBeForgedAreOneTalker() throws {
        let start = Clock.now() - .seconds(60)
        func address(_ number: UInt32) -> IPAddress { IPAddress(v4: 0x0B00_0000 + number) }
        func flow(
            _ from: IPAddress, _ to: IPAddress, isForged: Bool, isAnswered: Bool = false,
            isNew: Bool = false
        ) -> FlowEntry {
            var entry = FlowEntry(
                from: from, 1024, to: to, 5432, ipProtocol: 6, start: start, end: start)
            (entry.mayBeForged, entry.isNew) = (isForged, isNew)
            entry.responderBytes = isAnswered ? 100 : 0
            return entry
        }
        // 500 forged addresses flood the database, which answers some, and a silent address.
        var flows = (0..<500).map {
            flow(address($0), Self.database, isForged: true, isAnswered: $0 % 2 == 0, isNew: true)
        }
        flows.append(flow(address(1), address(900), isForged: true))
        // A client whose first flow proved nothing, and what it sent to a silent address.
        flows.append(flow(address(1000), Self.database, isForged: true))
        flows.append(flow(address(1000), Self.database, isForged: false, isAnswered: true))
        flows.append(flow(address(1000), address(901), isForged: false))
        // A workload's address, in whatever name it is used.
        flows.append(flow(Self.web, address(902), isForged: true))
        _ = write([flows])
        let found = try reader.talkers(from: start, to: Clock.now(), by: .flows, limit: 10)
        #expect(found.forged == 501 && found.total == 5 && !found.isPartial, "\(found)")
        let names = found.talkers.map(\.name)
        #expect(
            Set(names) == [
                "database", "web", "501 addresses that may be forged", "11.0.3.232", "11.0.3.133",
                "11.0.3.134",
            ], "\(names)")
        let database = try #require(found.talkers.first)
        #expect(database.name == "database" && database.flows == 502 && database.peers == 2)
        let forged = try #require(found.talkers.dropFirst().first)
        // The flow between two of them has both ends in the row.
        #expect(forged.flows == 502 && forged.peers == 1 && forged.newPeers == 1, "\(forged)")
        #expect(forged.bytesReceived == 250 * 100 + 60)
        let client = try #require(found.talkers.first { $0.name == "11.0.3.232" })
        #expect(client.flows == 3 && client.peers == 2)
        #expect(try all().count { $0.flow.entry.mayBeForged } == 503)
    }

    @Test func forgedAddressesCostTalkersNoMemory() throws {
        let start = Clock.now() - .seconds(60)
        let flows = (0..<80_000).map { index in
            FlowEntry(
                from: IPAddress(v4: 0x0B00_0000 + UInt32(index)), 1024, to: Self.database, 5432,
                ipProtocol: 6, start: start, end: start)
        }
        _ = write(stride(from: 0, to: 80_000, by: 4000).map { Array(flows[$0..<$0 + 4000]) })
        let found = try reader.talkers(from: start, to: Clock.now(), by: .flows, limit: 5)
        #expect(found.isPartial && found.total <= 65_538)
        #expect(found.talkers.first?.name == "database" && found.talkers.first?.flows == 80_000)
        #expect(found.talkers.dropFirst().first?.name == "other addresses")
        // Those for which there is no evidence leave all others their place.
        let forged = flows.map { flow in
            var flow = flow
            flow.originator = IPAddress(v4: flow.originator.v4 &+ 0x0100_0000)
            flow.mayBeForged = true
            return flow
        }
        _ = write(stride(from: 0, to: 80_000, by: 4000).map { Array(forged[$0..<$0 + 4000]) })
        let both = try reader.talkers(from: start, to: Clock.now(), by: .flows, limit: 5)
        #expect(both.isPartial && both.total == found.total && both.forged == 65_536)
        let row = both.talkers.dropFirst().first
        #expect(row?.name == "more than 65536 addresses that may be forged")
        #expect(row?.flows == 80_000 && row?.peers == 1)
    }

    @Test(arguments: ["", "/", "tcp/", "/53", "tcp/65536", "-1", "tcp/5/3", "٣", "icmpx/1", "+1"])
    func textThatIsNoPortIsRefused(_ text: String) { #expect(FlowQuery.Port(text) == nil) }

    @Test func flowsBeyondTheSizeAreForgottenOldestFirst() throws {
        var options = HistoryOptions()
        options.bytes = 256 << 10
        var status = HistoryStatus()
        for _ in 0..<6 { status = write((0..<4).map { _ in flows(16_384) }, options) }
        let rows = try all()
        #expect(rows.count < 6 * 65_536 && !rows.isEmpty)
        #expect(rows.first.map { Int($0.number) } == 6 * 65_536)
        #expect(status.bytes <= options.bytes)
    }

    @Test func flowsBeyondTheAgeAreForgotten() throws {
        var options = HistoryOptions()
        options.age = .seconds(3600)
        _ = write([flows(100, at: Clock.now() - .seconds(7200))], options)
        _ = write([flows(50)], options)
        #expect(try all().count == 50)
    }

    @Test func aDamagedFileIsSetAsideAndANewOneBegun() throws {
        _ = write([flows(100)])
        try Data(repeating: 0x5A, count: 8192).write(to: URL(fileURLWithPath: file))
        #expect(throws: HistoryError.self) { try reader.page(FlowQuery(), limit: 1) }
        let status = write([flows(20)])
        #expect(status.written == 20 && status.lost == 0, "\(log.lines)")
        #expect(try all().count == 20)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory)
        #expect(names.contains { $0.hasPrefix("flows.db.damaged-") })
    }

    @Test func aDamagedBlockIsLeftOutAndCounted() throws {
        _ = write([flows(100)])
        _ = write([flows(50)])
        try Namespace.command([
            "python3", "-c",
            """
            import sqlite3, sys
            file = sqlite3.connect(sys.argv[1])
            file.execute("UPDATE blocks SET columns = x'0102', hosts = hosts WHERE number = 1")
            file.commit()
            """, file,
        ])
        let page = try reader.page(FlowQuery(), limit: 1000)
        #expect(page.rows.count == 50 && page.damaged == 100)
    }

    @Test(arguments: ["count = 9223372036854775807", "count = -1", "number = 9223372036854775807"])
    func wrongNumbersAreNoTrap(_ change: String) throws {
        _ = write([flows(100)])
        try Namespace.command([
            "python3", "-c",
            """
            import sqlite3, sys
            file = sqlite3.connect(sys.argv[1])
            file.execute("UPDATE blocks SET " + sys.argv[2])
            file.commit()
            """, file, change,
        ])
        _ = try? reader.page(FlowQuery(), limit: 1000)
        // A file with wrong numbers is not continued.
        let writer = writer()
        writer.submit(flows(20))
        writer.stop()
    }

    @Test func aFullQueueDropsFlowsAndCountsThem() throws {
        // A directory in place of the file: nothing can be written.
        try FileManager.default.createDirectory(atPath: file, withIntermediateDirectories: true)
        let writer = writer()
        let batch = flows(4096)
        for _ in 0..<200 { writer.submit(batch) }
        writer.stop()
        let status = writer.status
        #expect(status.written == 0)
        #expect(status.lost == 200 * 4096)
        #expect(status.trouble?.contains("cannot be opened") ?? false, "\(status)")
    }

    @Test func anEmptyDirectoryHasNoHistory() {
        #expect(throws: HistoryError.missing(path: directory + "/flows.db")) {
            try reader.page(FlowQuery(), limit: 1)
        }
    }
}
