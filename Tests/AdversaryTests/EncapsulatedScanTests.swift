import Foundation
import TestKit
import Testing
import Timestamps

/// A scan in a capture of one file, whatever its frames are wrapped in, is ranked first.
struct EncapsulatedScanTests {
    struct Wrapping: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let linkType: UInt32
        let wrap: @Sendable ([UInt8], Bool) -> [UInt8]

        init(
            _ name: String, linkType: UInt32 = 1,
            _ wrap: @escaping @Sendable (_ packet: [UInt8], _ isAnswer: Bool) -> [UInt8]
        ) {
            testDescription = name
            self.linkType = linkType
            self.wrap = wrap
        }

        /// The packet of a tunnel between two nodes.
        static func tunnel(_ number: UInt8, _ inner: [UInt8], _ isAnswer: Bool) -> [UInt8] {
            let nodes = isAnswer ? ("192.0.2.2", "192.0.2.1") : ("192.0.2.1", "192.0.2.2")
            return Frame.ethernet(0x0800, Frame.ipv4(nodes.0, nodes.1, number, inner))
        }

        static let all: [Wrapping] = [
            .init("Ethernet") { packet, _ in Frame.ethernet(0x0800, packet) },
            .init("802.1Q in 802.1ad") { packet, _ in
                Frame.ethernet(0x0800, packet, tags: [(0x88A8, 7), (0x8100, 9)])
            },
            .init("loopback of macOS", linkType: 0) { packet, _ in [2, 0, 0, 0] + packet },
            .init("loopback of OpenBSD", linkType: 108) { packet, _ in [0, 0, 0, 2] + packet },
            .init("PPP", linkType: 9) { packet, _ in [0xFF, 3, 0, 0x21] + packet },
            .init("Cisco HDLC", linkType: 104) { packet, _ in [0x0F, 0, 8, 0] + packet },
            .init("frame relay", linkType: 107) { packet, _ in [0x18, 0x61, 3, 0xCC] + packet },
            .init("802.11 in monitor mode", linkType: 127) { packet, _ in
                [0, 0, 8, 0, 0, 0, 0, 0] + [0x08, 1, 0, 0] + [UInt8](repeating: 2, count: 18)
                    + [0, 0, 0xAA, 0xAA, 3, 0, 0, 0, 8, 0] + packet
            },
            .init("PPP in GRE") { packet, isAnswer in
                tunnel(47, Frame.gre(0x880B, [0xFF, 3, 0, 0x21] + packet), isAnswer)
            },
            .init("VXLAN") { packet, isAnswer in
                tunnel(
                    17,
                    Frame.udp(50_000, 4789, Frame.vxlan(7, Frame.ethernet(0x0800, packet))),
                    isAnswer)
            },
            .init("IP in IP") { packet, isAnswer in tunnel(4, packet, isAnswer) },
        ]
    }

    @Test(arguments: Wrapping.all)
    func theScannerIsRankedFirst(_ wrapping: Wrapping) throws {
        try expectFirst("10.1.0.66", "port scan", wrapping) { records in
            for number in 0..<200 {
                let port = UInt16(1 + number)
                let time = Double(number) / 100
                records.append(
                    (time, Frame.tcp(50_000, port, flags: 2), "10.1.0.66", "10.1.0.9"))
                records.append(
                    (
                        time + 0.001, Frame.tcp(port, 50_000, flags: 0x14), "10.1.0.9",
                        "10.1.0.66"
                    ))
            }
        }
    }

    /// Scans that open no flow.
    @Test(arguments: [
        (0x01, "FIN scan"), (0x00, "NULL scan"), (0x29, "Xmas scan"), (0x10, "ACK scan"),
        (0x11, "Maimon scan"),
    ])
    func aScanThatOpensNoFlowIsRankedFirst(flags: Int, name: String) throws {
        try expectFirst("10.1.0.66", name, Wrapping.all[0]) { records in
            for number in 0..<200 {
                let port = UInt16(1 + number)
                let time = Double(number) / 100
                records.append(
                    (time, Frame.tcp(50_000, port, flags: UInt8(flags)), "10.1.0.66", "10.1.0.9"))
                records.append(
                    (
                        time + 0.001, Frame.tcp(port, 50_000, flags: 0x14), "10.1.0.9",
                        "10.1.0.66"
                    ))
            }
        }
    }

    /// What `nmap -O` sends to an open and a closed port.
    @Test func whoAsksForTheSystemIsRankedFirst() throws {
        try expectFirst("10.1.0.66", "OS fingerprinting", Wrapping.all[0]) { records in
            for number in 0..<6 {
                records.append(
                    (
                        Double(number) / 10, Frame.tcp(50_000 + UInt16(number), 80, flags: 2),
                        "10.1.0.66", "10.1.0.9"
                    ))
            }
            for round in 0..<4 {
                for (place, flags) in [0x00, 0x2B, 0x10, 0x02, 0x10, 0x29].enumerated() {
                    let port: UInt16 = place < 3 ? 80 : 41_296
                    records.append(
                        (
                            1 + Double(round * 6 + place) / 40,
                            Frame.tcp(50_010 + UInt16(place), port, flags: UInt8(flags)),
                            "10.1.0.66", "10.1.0.9"
                        ))
                }
            }
        }
    }

    /// Sessions of a service that hides its logins, one every six seconds, of the same sizes.
    @Test func whoGuessesSlowlyIsRankedFirst() throws {
        try expectFirst("10.1.0.66", "password guessing", Wrapping.all[0]) { records in
            for number in 0..<12 {
                let (time, port) = (Double(number) * 5.5, UInt16(50_000 + number))
                func add(
                    _ delay: Double, _ flags: UInt8, isAnswer: Bool, sequence: UInt32,
                    acknowledgment: UInt32, size: Int = 0
                ) {
                    let (from, to) = isAnswer ? (UInt16(22), port) : (port, 22)
                    records.append(
                        (
                            time + delay,
                            Frame.tcp(
                                from, to, flags: flags, sequence: sequence,
                                acknowledgment: acknowledgment,
                                payload: [UInt8](repeating: 7, count: size)),
                            isAnswer ? "10.1.0.9" : "10.1.0.66", isAnswer ? "10.1.0.66" : "10.1.0.9"
                        ))
                }
                add(0, 2, isAnswer: false, sequence: 1000, acknowledgment: 0)
                add(0.001, 0x12, isAnswer: true, sequence: 1, acknowledgment: 1001)
                add(0.002, 0x10, isAnswer: false, sequence: 1001, acknowledgment: 2)
                add(0.1, 0x18, isAnswer: false, sequence: 1001, acknowledgment: 2, size: 1100)
                add(0.2, 0x18, isAnswer: true, sequence: 2, acknowledgment: 2101, size: 1300)
                add(3, 0x18, isAnswer: false, sequence: 2101, acknowledgment: 1302, size: 700)
                add(3.1, 0x11, isAnswer: true, sequence: 1302, acknowledgment: 2801)
                add(3.2, 0x11, isAnswer: false, sequence: 2801, acknowledgment: 1303)
            }
        }
    }

    /// Keepalives of Cisco HDLC (SLARP) carry no IP packet, and are counted as such.
    @Test func keepalivesOfALinkAreNoFlows() throws {
        let scratch = try Scratch()
        let keepalive: [UInt8] =
            [0x8F, 0, 0x80, 0x35, 0, 0, 0, 2] + [UInt8](repeating: 1, count: 14)
        let records = (0..<7).map {
            CaptureFile.Record(Timestamp(second: 1_000_000 + $0), keepalive)
        }
        let path = try scratch.write(
            "slarp.pcap", Data(CaptureFile.pcap(records, linkType: 104)))
        let run = try Run(["flows", "-r", path, "--format", "csv"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.split(separator: "\n").count == 1, "\(run.output)")
    }

    private typealias Records = [(time: Double, segment: [UInt8], from: String, to: String)]

    /// Adds some ordinary requests, and checks the first place of the ranking.
    private func expectFirst(
        _ address: String, _ name: String, _ wrapping: Wrapping,
        _ attack: (inout Records) -> Void
    ) throws {
        var packets: Records = []
        for number in 0..<40 {
            let (time, port) = (Double(number) / 2, UInt16(40_000 + number))
            let client = "10.1.0.\(20 + number % 4)"
            for (step, flags) in [(0, 2), (1, 0x12), (2, 0x10), (3, 0x18), (4, 0x18), (5, 0x11)] {
                let isAnswer = step == 1 || step == 4
                let ends = isAnswer ? (UInt16(80), port) : (port, UInt16(80))
                packets.append(
                    (
                        time + Double(step) / 1000,
                        Frame.tcp(
                            ends.0, ends.1, flags: UInt8(flags),
                            sequence: isAnswer ? 1 : step > 0 ? 1001 : 1000, acknowledgment: 1001,
                            payload: [UInt8](repeating: 65, count: flags == 0x18 ? 200 : 0)),
                        isAnswer ? "10.1.0.9" : client, isAnswer ? client : "10.1.0.9"
                    ))
            }
        }
        attack(&packets)
        let records = packets.sorted { $0.time < $1.time }.map { packet in
            CaptureFile.Record(
                Timestamp(secondsSince1970: 1_000_000 + packet.time),
                wrapping.wrap(
                    Frame.ipv4(packet.from, packet.to, 6, packet.segment),
                    packet.from == "10.1.0.9"))
        }
        let scratch = try Scratch()
        let path = try scratch.write(
            "scan.pcap", Data(CaptureFile.pcap(records, linkType: wrapping.linkType)))
        let run = try Run(["replay", "-r", path])
        #expect(run.status == 0, "\(run.errors)")
        let first = run.output.split(separator: "\n").first { $0.hasPrefix("#1") } ?? ""
        #expect(first.contains(address) && first.contains(name), "\(run.output)")
    }
}
