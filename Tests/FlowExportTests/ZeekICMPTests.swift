import FlowMetering
import PacketDecoding
import TestKit
import Testing
import Timestamps

@testable import FlowExport

/// ICMP in Zeek's `conn.log`: a request and its answers are one connection, whose ports are the
/// message's type and its counterpart, or its code.
struct ZeekICMPTests {
    private struct Message {
        var from: String
        var to: String
        var type: UInt8
        var code: UInt8 = 0

        var frame: [UInt8] {
            let body = Frame.icmp(type: type, code: code, rest: 7, [1, 2, 3, 4])
            return from.contains(":")
                ? Frame.ethernet(0x86DD, Frame.ipv6(from, to, 58, body))
                : Frame.ethernet(0x0800, Frame.ipv4(from, to, 1, body))
        }
    }

    /// The columns from `id.orig_h` to `resp_ip_bytes` of each connection, without those that are
    /// never set.
    private func rows(_ messages: [Message]) -> [String] {
        var decoder = PacketDecoder()
        var meter = FlowMeter()
        var packet = Packet()
        for (index, message) in messages.enumerated() {
            let frame = message.frame
            decoder.decode(
                frame.span.bytes, linkType: .ethernet,
                time: Timestamp(second: 1_700_000_000) + .milliseconds(20 * index),
                wireLength: UInt32(frame.count), into: &packet)
            _ = meter.observe(&packet)
        }
        meter.finish()
        var writer = FlowWriter(format: .zeek, width: 120)
        meter.drain { writer.add($0) }
        writer.finish()
        var bytes: [UInt8] = []
        writer.flush { bytes += Array($0) }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
            .filter { !$0.hasPrefix("#") }
            .map { line in
                let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
                // service, local_orig, local_resp and missed_bytes are left out.
                return (Array(fields[2...6]) + fields[8...11] + fields[15...19])
                    .joined(separator: " ")
            }.sorted()
    }

    @Test func anEchoAndItsReplyAreOneConnection() {
        let request = Message(from: "10.0.0.1", to: "10.0.0.2", type: 8)
        let reply = Message(from: "10.0.0.2", to: "10.0.0.1", type: 0)
        #expect(
            rows([request, reply, request, reply])
                == ["10.0.0.1 8 10.0.0.2 0 icmp 0.060000 8 8 OTH - 2 64 2 64"])
    }

    @Test func anEchoOfIPv6AndItsReplyAreOneConnection() {
        #expect(
            rows([
                Message(from: "fd00::2", to: "fd00::1", type: 128),
                Message(from: "fd00::1", to: "fd00::2", type: 129),
            ]) == ["fd00::2 128 fd00::1 129 icmp 0.020000 4 4 OTH - 1 52 1 52"])
    }

    /// The sender of the reply is the originator, and the type of its message comes first.
    @Test func aReplyWithoutARequestIsAConnectionOfItsSender() {
        let reply = Message(from: "10.0.0.2", to: "10.0.0.1", type: 0)
        #expect(rows([reply]) == ["10.0.0.2 0 10.0.0.1 8 icmp - - - OTH - 1 32 0 0"])
        // A request that comes later belongs to it.
        let request = Message(from: "10.0.0.1", to: "10.0.0.2", type: 8)
        #expect(
            rows([reply, request])
                == ["10.0.0.2 0 10.0.0.1 8 icmp 0.020000 4 4 OTH - 1 32 1 32"])
    }

    /// Both ping each other: as in Zeek, that is two connections.
    @Test func pingsInBothDirectionsAreTwoConnections() {
        #expect(
            rows([
                Message(from: "10.0.0.1", to: "10.0.0.2", type: 8),
                Message(from: "10.0.0.2", to: "10.0.0.1", type: 8),
                Message(from: "10.0.0.2", to: "10.0.0.1", type: 0),
                Message(from: "10.0.0.1", to: "10.0.0.2", type: 0),
            ]) == [
                "10.0.0.1 8 10.0.0.2 0 icmp 0.040000 4 4 OTH - 1 32 1 32",
                "10.0.0.2 8 10.0.0.1 0 icmp 0.040000 4 4 OTH - 1 32 1 32",
            ])
    }

    /// The pairs of Zeek's `ICMP4_counterpart` and `ICMP6_counterpart`.
    @Test(
        arguments: [
            (4, 8, 0), (4, 13, 14), (4, 15, 16), (4, 17, 18), (4, 10, 9), (6, 128, 129),
            (6, 133, 134), (6, 135, 136), (6, 130, 131), (6, 139, 140), (6, 144, 145),
        ] as [(Int, UInt8, UInt8)])
    func eachRequestHasItsCounterpart(version: Int, request: UInt8, answer: UInt8) {
        let (one, other) = version == 4 ? ("10.0.0.1", "10.0.0.2") : ("fd00::1", "fd00::2")
        let asked = rows([
            Message(from: one, to: other, type: request),
            Message(from: other, to: one, type: answer),
        ])
        #expect(asked.count == 1 && asked[0].hasPrefix("\(one) \(request) \(other) \(answer) "))
        let alone = rows([Message(from: other, to: one, type: answer)])
        #expect(alone.count == 1 && alone[0].hasPrefix("\(other) \(answer) \(one) \(request) "))
    }

    @Test func messagesWithoutAnAnswerHaveTheirCode() {
        #expect(
            rows([Message(from: "10.0.0.1", to: "10.0.0.2", type: 3, code: 1)])
                == ["10.0.0.1 3 10.0.0.2 1 icmp - - - OTH - 1 32 0 0"])
    }
}
