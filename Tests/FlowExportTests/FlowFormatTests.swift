import FlowExport
import FlowMetering
import Foundation
import NetworkAddresses
import PacketDecoding
import TestKit
import Testing
import Timestamps

/// Records of three small flows: a connection in VXLAN on a VLAN, a DNS lookup over IPv6, a ping.
private func sample() -> [FlowRecord] {
    var decoder = PacketDecoder()
    var meter = FlowMeter()
    func tcp(_ isUp: Bool, _ flags: UInt8) -> [UInt8] {
        let ends = isUp ? ("10.1.0.1", "10.1.0.2") : ("10.1.0.2", "10.1.0.1")
        let nodes = isUp ? ("192.0.2.1", "192.0.2.2") : ("192.0.2.2", "192.0.2.1")
        let ports: (UInt16, UInt16) = isUp ? (40_000, 443) : (443, 40_000)
        let inner = Frame.ipv4(ends.0, ends.1, 6, Frame.tcp(ports.0, ports.1, flags: flags))
        let tunnel = Frame.udp(50_000, 4789, Frame.vxlan(77, Frame.ethernet(0x0800, inner)))
        return Frame.ethernet(
            0x0800, Frame.ipv4(nodes.0, nodes.1, 17, tunnel), tags: [(0x8100, 5)])
    }
    let frames = [
        tcp(true, 2), tcp(false, 0x12), tcp(true, 0x10),
        Frame.ethernet(
            0x86DD,
            Frame.ipv6("fd00::1", "fd00::53", 17, Frame.udp(4000, 53, Frame.dns("a.example.com")))),
        Frame.ethernet(0x0800, Frame.ipv4("10.0.0.1", "10.0.0.2", 1, Frame.icmp(type: 8, code: 0))),
    ]
    var packet = Packet()
    for (index, frame) in frames.enumerated() {
        decoder.decode(
            frame.span.bytes, linkType: .ethernet,
            time: Timestamp(nanoseconds: 1_700_000_000_123_456_789) + .milliseconds(index),
            wireLength: UInt32(frame.count), into: &packet)
        _ = meter.observe(&packet)
    }
    meter.finish()
    var records: [FlowRecord] = []
    meter.drain { records.append($0) }
    return records
}

private func written(_ format: FlowFormat, width: Int = 120) -> [UInt8] {
    var writer = FlowWriter(format: format, width: width, isIdentified: true)
    for record in sample() { writer.add(record) }
    writer.finish()
    var bytes: [UInt8] = []
    writer.flush { bytes += Array($0) }
    return bytes
}

private func lines(_ format: FlowFormat, width: Int = 120) -> [String] {
    String(decoding: written(format, width: width), as: UTF8.self)
        .split(separator: "\n").map(String.init)
}

@Test func commaSeparatedValuesHaveEveryCounter() {
    let all = lines(.csv)
    #expect(all.count == 4)
    let width = all[0].split(separator: ",", omittingEmptySubsequences: false).count
    for line in all {
        #expect(line.split(separator: ",", omittingEmptySubsequences: false).count == width)
    }
    #expect(
        all[1]
            == "1700000000123456789,1700000000125456789,1700000000123456789,6,10.1.0.1,40000,"
            + "10.1.0.2,443,5,0,vxlan,77,192.0.2.1,192.0.2.2,forced end,S1,ShA,"
            + "2,216,80,0,108,108,108.00,0.00,2000000,2000000,2000000,0,0,18,"
            + "1,108,40,0,108,108,108.00,0.00,0,0,0,0,0,18,1:WYolyAOpqJ1p23fotH+f0UYgZCI=")
    #expect(all[0].hasSuffix(",resp_tcp_flags,community_id"))
}

@Test func namesOfWorkloadsStandBeforeTheIdentifierAndInQuotesIfTheyNeedThem() {
    var writer = FlowWriter(format: .csv, isIdentified: true) {
        $0 == Frame.address("10.1.0.1") ? "a \"b\", c" : nil
    }
    for record in sample() { writer.add(record) }
    var text = ""
    writer.flush { text += String(decoding: $0, as: UTF8.self) }
    let all = text.split(separator: "\n")
    #expect(all[0].hasSuffix(",orig_workload,resp_workload,community_id"))
    #expect(all[1].hasSuffix(#",18,"a ""b"", c",,1:WYolyAOpqJ1p23fotH+f0UYgZCI="#), "\(all[1])")
}

@Test(arguments: [FlowFormat.eve, .json])
func objectsAreJSON(format: FlowFormat) throws {
    for line in lines(format) {
        _ = try #require(
            try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
}

@Test func flowsInEVEMatchSuricata() throws {
    let object = try #require(
        try JSONSerialization.jsonObject(with: Data(lines(.eve)[0].utf8)) as? [String: Any])
    #expect(object["event_type"] as? String == "flow")
    #expect(object["timestamp"] as? String == "2023-11-14T22:13:20.125456+0000")
    #expect(object["src_ip"] as? String == "10.1.0.1" && object["dest_port"] as? Int == 443)
    #expect(object["proto"] as? String == "TCP" && object["vlan"] as? [Int] == [5])
    let flow = try #require(object["flow"] as? [String: Any])
    #expect(flow["pkts_toserver"] as? Int == 2 && flow["bytes_toclient"] as? Int == 108)
}

@Test func zeekConnectionsHaveAsManyColumnsAsTheHeader() throws {
    let all = lines(.zeek)
    let header = try #require(all.first { $0.hasPrefix("#fields") })
    let names = header.split(separator: "\t").dropFirst()
    let types = try #require(all.first { $0.hasPrefix("#types") }).split(separator: "\t")
        .dropFirst()
    #expect(names.count == types.count)
    let rows = all.filter { !$0.hasPrefix("#") }
    #expect(rows.count == 3)
    for row in rows {
        #expect(row.split(separator: "\t", omittingEmptySubsequences: false).count == names.count)
    }
    #expect(rows[0].contains("\ttcp\t-\t0.002000\t0\t0\tS1\t-\t-\t0\tShA\t2\t80\t1\t40\t"))
    #expect(rows[2].contains("\t10.0.0.1\t8\t10.0.0.2\t0\ticmp\t"))
}

@Test(arguments: [80, 100, 160])
func tablesFitTheirWidth(width: Int) {
    let all = lines(.table, width: width)
    for line in all { #expect(line.utf8.count <= width, "\(line)") }
    // The start has its day and its zone.
    #expect(all[0].hasPrefix("START (UTC)"), "\(all)")
    let start =
        width < 114 ? #/\d\d-\d\d \d\d:\d\d:\d\d /# : #/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} /#
    for line in all.dropFirst() { #expect(line.prefixMatch(of: start) != nil, "\(line)") }
}

@Test func messagesOfIPFIXAreComplete() {
    let bytes = written(.ipfix)
    func word(_ at: Int) -> Int { Int(bytes[at]) << 8 | Int(bytes[at + 1]) }
    #expect(word(0) == 10 && word(2) == bytes.count)
    var at = 16
    var sets: [Int] = []
    while at < bytes.count {
        sets.append(word(at))
        at += word(at + 2)
    }
    #expect(at == bytes.count && sets == [2, 256, 257, 256])
}

@Test(
    arguments: [
        (0, "0"), (9, "9"), (10, "10"), (99, "99"), (100, "100"), (12_345, "12345"),
        (9_999_999_999, "9999999999"), (UInt64.max, "18446744073709551615"),
    ] as [(UInt64, String)])
func numbersAreWritten(value: UInt64, text: String) {
    var buffer = FlowText()
    buffer.add(value)
    #expect(buffer.text == text)
}

@Test func randomNumbersAndAddressesAreWrittenLikeTheLibrary() {
    var random = SeededGenerator(seed: 3)
    for _ in 0..<10_000 {
        let value = random.next() >> UInt64.random(in: 0...63, using: &random)
        var address = IPAddress(
            high: random.next() & random.next() & random.next(), low: random.next() & random.next())
        if value % 3 == 0 { address.high = 0 }
        var buffer = FlowText()
        buffer.add(value)
        buffer.add(byte: 32)
        buffer.add(address, version: 6)
        #expect(buffer.text == "\(value) \(address)")
    }
}
