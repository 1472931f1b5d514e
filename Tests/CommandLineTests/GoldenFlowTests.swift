import Foundation
import TestKit
import Testing
import Timestamps

/// A dialogue in each supported encapsulation, as a capture file, and the expected record.
struct GoldenCapture: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    /// The columns of `golden`, without the times.
    let record: String

    init(_ name: String, _ bytes: [UInt8], _ record: String) {
        testDescription = name
        self.bytes = bytes
        self.record = record
    }

    /// Encapsulates an IP packet; the flag is true for the reverse direction.
    typealias Wrap = (_ packet: [UInt8], _ isReply: Bool) -> [UInt8]

    /// A handshake, 100 bytes forward, 300 back, and a regular end; one millisecond between
    /// packets.
    static func dialogue(version: Int = 4, _ wrap: Wrap) -> [CaptureFile.Record] {
        let steps: [(isReply: Bool, flags: UInt8, sequence: UInt32, length: Int)] = [
            (false, 0x02, 1000, 0), (true, 0x12, 5000, 0), (false, 0x10, 1001, 0),
            (false, 0x18, 1001, 100), (true, 0x18, 5001, 300), (false, 0x11, 1101, 0),
            (true, 0x11, 5301, 0), (false, 0x10, 1102, 0),
        ]
        return steps.enumerated().map { index, step in
            let segment = Frame.tcp(
                step.isReply ? 443 : 40_000, step.isReply ? 40_000 : 443, flags: step.flags,
                sequence: step.sequence, payload: [UInt8](repeating: 120, count: step.length))
            let ends = version == 4 ? ["10.1.0.1", "10.1.0.2"] : ["fd00::1", "fd00::2"]
            let (from, to) = step.isReply ? (ends[1], ends[0]) : (ends[0], ends[1])
            let packet =
                version == 4 ? Frame.ipv4(from, to, 6, segment) : Frame.ipv6(from, to, 6, segment)
            return CaptureFile.Record(
                Timestamp(second: 1_700_000_000) + .milliseconds(index), wrap(packet, step.isReply))
        }
    }

    static func ethernet(_ packet: [UInt8]) -> [UInt8] {
        Frame.ethernet(packet[0] >> 4 == 4 ? 0x0800 : 0x86DD, packet)
    }

    /// In an outer IPv4 packet between two tunnel ends.
    static func tunnel(_ number: UInt8, _ isReply: Bool, _ payload: [UInt8]) -> [UInt8] {
        let (from, to) = isReply ? ("192.0.2.2", "192.0.2.1") : ("192.0.2.1", "192.0.2.2")
        return ethernet(Frame.ipv4(from, to, number, payload))
    }

    /// The dialogue's record, with `overhead` bytes around each IP packet, and its encapsulation.
    static func record(version: Int = 4, overhead: Int, _ wrapping: String) -> String {
        let ends = version == 4 ? "10.1.0.1,40000,10.1.0.2,443" : "fd00::1,40000,fd00::2,443"
        let there = version == 4 ? 300 : 400
        let back = version == 4 ? 420 : 480
        return "6,\(ends),\(wrapping),SF,ShADdFf,5,\(there + 5 * overhead),\(there),100,"
            + "3,\(back + 3 * overhead),\(back),300"
    }

    static func capture(
        _ name: String, linkType: UInt32 = 1, version: Int = 4, overhead: Int,
        _ wrapping: String = "0,0,,,,", _ wrap: Wrap
    ) -> GoldenCapture {
        GoldenCapture(
            name, CaptureFile.pcap(dialogue(version: version, wrap), linkType: linkType),
            record(version: version, overhead: overhead, wrapping))
    }

    static let all: [GoldenCapture] = [
        capture("Ethernet", overhead: 14) { packet, _ in ethernet(packet) },
        capture("Ethernet, IPv6", version: 6, overhead: 14) { packet, _ in ethernet(packet) },
        capture("802.1Q", overhead: 18, "5,0,,,,") { packet, _ in
            Frame.ethernet(0x0800, packet, tags: [(0x8100, 5)])
        },
        capture("QinQ", overhead: 22, "7,9,,,,") { packet, _ in
            Frame.ethernet(0x0800, packet, tags: [(0x88A8, 7), (0x8100, 9)])
        },
        capture("MPLS", overhead: 22) { packet, _ in Frame.ethernet(0x8847, Frame.mpls(packet)) },
        capture("PPPoE", overhead: 22) { packet, _ in
            Frame.ethernet(0x8864, Frame.pppoe(0x21, packet))
        },
        capture("cooked v1", linkType: 113, overhead: 16) { packet, _ in
            Frame.cooked(0x0800, packet)
        },
        capture("cooked v2", linkType: 276, overhead: 20) { packet, _ in
            Frame.cooked2(0x0800, packet)
        },
        capture("raw IP", linkType: 101, overhead: 0) { packet, _ in packet },
        capture("raw IPv4", linkType: 228, overhead: 0) { packet, _ in packet },
        capture("raw IPv6", linkType: 229, version: 6, overhead: 0) { packet, _ in packet },
        capture("null", linkType: 0, overhead: 4) { packet, _ in [2, 0, 0, 0] + packet },
        capture("loop", linkType: 108, overhead: 4) { packet, _ in [0, 0, 0, 2] + packet },
        capture("VXLAN", overhead: 64, "0,0,vxlan,77,192.0.2.1,192.0.2.2") { packet, isReply in
            tunnel(17, isReply, Frame.udp(50_000, 4789, Frame.vxlan(77, ethernet(packet))))
        },
        capture("GENEVE", overhead: 68, "0,0,geneve,99,192.0.2.1,192.0.2.2") { packet, isReply in
            tunnel(
                17, isReply,
                Frame.udp(50_000, 6081, Frame.geneve(99, ethernet(packet), options: [0, 0, 0, 0])))
        },
        capture("GRE", overhead: 38, "0,0,gre,0,192.0.2.1,192.0.2.2") { packet, isReply in
            tunnel(47, isReply, Frame.gre(0x0800, packet))
        },
        capture("NVGRE", overhead: 56, "0,0,gre,4660,192.0.2.1,192.0.2.2") { packet, isReply in
            tunnel(47, isReply, Frame.gre(0x6558, key: 0x1234 << 8 | 0x56, ethernet(packet)))
        },
        capture("IP in IP", overhead: 34, "0,0,ip_in_ip,0,192.0.2.1,192.0.2.2") { packet, isReply in
            tunnel(4, isReply, packet)
        },
        capture("6in4", version: 6, overhead: 34, "0,0,ip_in_ip,0,192.0.2.1,192.0.2.2") {
            packet, isReply in tunnel(41, isReply, packet)
        },
        capture("GTP-U", overhead: 54, "0,0,gtp_u,8,192.0.2.1,192.0.2.2") { packet, isReply in
            tunnel(17, isReply, Frame.udp(2152, 2152, Frame.gtpU(8, packet)))
        },
        capture("VXLAN in a VLAN, QinQ inside", overhead: 76, "6,30,vxlan,77,192.0.2.1,192.0.2.2") {
            packet, isReply in
            let inner = Frame.ethernet(0x0800, packet, tags: [(0x88A8, 30), (0x8100, 40)])
            let (from, to) = isReply ? ("192.0.2.2", "192.0.2.1") : ("192.0.2.1", "192.0.2.2")
            return Frame.ethernet(
                0x0800,
                Frame.ipv4(from, to, 17, Frame.udp(50_000, 4789, Frame.vxlan(77, inner))),
                tags: [(0x8100, 6)])
        },
        .init(
            "big-endian",
            CaptureFile.pcap(dialogue { packet, _ in ethernet(packet) }, isBigEndian: true),
            record(overhead: 14, "0,0,,,,")),
        .init(
            "nanoseconds",
            CaptureFile.pcap(dialogue { packet, _ in ethernet(packet) }, isNanosecond: true),
            record(overhead: 14, "0,0,,,,")),
        .init(
            "big-endian nanoseconds",
            CaptureFile.pcap(
                dialogue { packet, _ in ethernet(packet) }, isBigEndian: true, isNanosecond: true),
            record(overhead: 14, "0,0,,,,")),
        .init(
            "pcapng, two interfaces", twoInterfaces(isBigEndian: false),
            record(overhead: 14, "0,0,,,,")),
        .init(
            "pcapng, two interfaces, big-endian", twoInterfaces(isBigEndian: true),
            record(overhead: 14, "0,0,,,,")),
        .init(
            "fragments", fragments(),
            "17,10.1.0.1,4000,10.1.0.2,5000,0,0,,,,,S0,D,3,1310,1268,1200,0,0,0,0"),
        .init(
            "SCTP",
            exchange(
                132, Frame.sctp(5000, 38_412, [1, 2, 3, 4]), Frame.sctp(38_412, 5000, [5, 6])),
            "132,10.1.0.1,5000,10.1.0.2,38412,0,0,,,,,SF,Dd,1,50,36,4,1,48,34,2"),
        .init(
            "UDP", exchange(17, Frame.udp(5353, 53, [1, 2, 3]), Frame.udp(53, 5353, [4])),
            "17,10.1.0.1,5353,10.1.0.2,53,0,0,,,,,SF,Dd,1,45,31,3,1,43,29,1"),
        .init(
            "ICMP",
            exchange(
                1, Frame.icmp(type: 8, code: 0, rest: 1, [9]),
                Frame.icmp(type: 0, code: 0, rest: 1, [9])),
            "1,10.1.0.1,8,10.1.0.2,0,0,0,,,,,SF,Dd,1,43,29,1,1,43,29,1"),
    ]

    /// Each direction on its own interface with its own resolution.
    private static func twoInterfaces(isBigEndian: Bool) -> [UInt8] {
        let records = dialogue { packet, _ in ethernet(packet) }
        return CaptureFile.pcapng(
            [.init(resolution: 6), .init(resolution: 9)],
            records.enumerated().map { index, record in
                let isReply = [1, 4, 6].contains(index)
                return (
                    interface: isReply ? 1 : 0,
                    stamp: UInt64(record.time.nanoseconds / (isReply ? 1 : 1000)),
                    bytes: record.bytes
                )
            }, isBigEndian: isBigEndian)
    }

    /// A datagram of 1,208 bytes in three fragments, the last one before the middle one.
    private static func fragments() -> [UInt8] {
        let datagram = Frame.udp(4000, 5000, [UInt8](repeating: 1, count: 1200))
        func piece(_ range: Range<Int>, more: Bool) -> [UInt8] {
            ethernet(
                Frame.ipv4(
                    "10.1.0.1", "10.1.0.2", 17, Array(datagram[range]), identifier: 77,
                    fragment: UInt16(range.lowerBound / 8) | (more ? 0x2000 : 0)))
        }
        let start = Timestamp(second: 1_700_000_000)
        return CaptureFile.pcap([
            .init(start, piece(0..<512, more: true)),
            .init(start + .milliseconds(1), piece(1024..<1208, more: false)),
            .init(start + .milliseconds(2), piece(512..<1024, more: true)),
        ])
    }

    /// One packet forward and one back.
    private static func exchange(_ number: UInt8, _ there: [UInt8], _ back: [UInt8]) -> [UInt8] {
        CaptureFile.pcap([
            .init(
                Timestamp(second: 1_700_000_000),
                ethernet(Frame.ipv4("10.1.0.1", "10.1.0.2", number, there))),
            .init(
                Timestamp(second: 1_700_000_000) + .milliseconds(7),
                ethernet(Frame.ipv4("10.1.0.2", "10.1.0.1", number, back))),
        ])
    }
}

/// The columns that a golden record has: all but the end reason and the statistics of sizes and
/// gaps.
private let columns = Array(3...13) + Array(15...20) + Array(31...34)

@Suite struct GoldenFlowTests {
    @Test(arguments: GoldenCapture.all)
    func theRecordMatchesTheGoldenOne(_ golden: GoldenCapture) throws {
        let scratch = try Scratch()
        let path = try scratch.write("golden.pcap", Data(golden.bytes))
        let run = try Run("flows", "-r", path, "--format", "csv")
        #expect(run.status == 0 && run.errors.isEmpty, "\(run.errors)")
        let lines = run.output.split(separator: "\n")
        try #require(lines.count == 2, "\(run.output)")
        let fields = lines[1].split(separator: ",", omittingEmptySubsequences: false)
        #expect(fields[0] == "1700000000000000000")
        #expect(fields[1] == "1700000000007000000" || golden.testDescription == "fragments")
        let record = columns.map { String(fields[$0]) }.joined(separator: ",")
        #expect(record == golden.record)
    }
}
