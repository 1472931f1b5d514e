import FlowMetering
import NetworkAddresses
import PacketDecoding
import TestKit
import Testing
import Timestamps

/// Refusals count only after a message of the client, and once.
struct LoginEventsTests {
    /// Both ends of one FTP connection.
    private struct Talk: ~Copyable {
        var bench = Bench()
        var sent: UInt32 = 101
        var fetched: UInt32 = 501
        var time = 0.0

        init() {
            _ = send(up: 2, "", sequence: 100)
            _ = answer("", flags: 0x12, sequence: 500)
            _ = send(up: 0x10, "")
        }

        mutating func send(
            up flags: UInt8 = 0x18, _ text: String, sequence: UInt32? = nil
        ) -> FlowUpdate {
            time += 0.01
            let payload = Array(text.utf8)
            defer { sent += UInt32(payload.count) }
            return bench.feed(
                Frame.ipv4(
                    "10.0.0.1", "10.0.0.2", 6,
                    Frame.tcp(
                        40_000, 21, flags: flags, sequence: sequence ?? sent,
                        acknowledgment: flags == 2 ? 0 : fetched, payload: payload)), at: time)
        }

        mutating func answer(
            _ text: String, flags: UInt8 = 0x18, sequence: UInt32? = nil,
            acknowledgment: UInt32? = nil
        ) -> FlowUpdate {
            time += 0.01
            let payload = Array(text.utf8)
            defer { fetched += UInt32(payload.count) }
            return bench.feed(
                Frame.ipv4(
                    "10.0.0.2", "10.0.0.1", 6,
                    Frame.tcp(
                        21, 40_000, flags: flags, sequence: sequence ?? fetched,
                        acknowledgment: acknowledgment ?? sent, payload: payload)), at: time)
        }
    }

    private static let refusal = "530 Login incorrect.\r\n"

    @Test func oneRefusalForEachMessage() {
        var talk = Talk()
        let unasked = talk.answer(Self.refusal)
        #expect(!unasked.events.contains(.loginRefused))
        for _ in 0..<3 {
            _ = talk.send("PASS a\r\n")
            let (first, second) = (talk.answer(Self.refusal), talk.answer(Self.refusal))
            #expect(first.events.contains(.loginRefused))
            #expect(!second.events.contains(.loginRefused))
        }
        _ = talk.send("PASS b\r\n")
        let granted = talk.answer("230 Welcome\r\n")
        #expect(granted.events.contains(.loginGranted))
        _ = talk.send("LIST\r\n")
        let later = talk.answer(Self.refusal)
        #expect(!later.events.contains(.loginRefused))
    }

    @Test func aRepeatedMessageIsNone() {
        var talk = Talk()
        _ = talk.send("PASS a\r\n")
        let first = talk.answer(Self.refusal)
        #expect(first.events.contains(.loginRefused))
        talk.sent -= 8
        let repeated = talk.send("PASS a\r\n")
        #expect(repeated.events.contains(.retransmission))
        let second = talk.answer(Self.refusal)
        #expect(!second.events.contains(.loginRefused))
    }

    @Test func anAnswerAcknowledgesTheMessage() {
        var talk = Talk()
        _ = talk.send("PASS a\r\n")
        for wrong: UInt32 in [90_000, 0xFFFF_0000] {
            let update = talk.answer(Self.refusal, acknowledgment: wrong)
            #expect(!update.events.contains(.loginRefused), "\(wrong)")
        }
        let right = talk.answer(Self.refusal)
        #expect(right.events.contains(.loginRefused))
    }

    @Test func theFirstEndTellsWhatWasCarried() {
        var talk = Talk()
        _ = talk.send("PASS a\r\n")
        _ = talk.answer(Self.refusal)
        let end = talk.answer("", flags: 0x11)
        #expect(end.events.contains([.closing, .loginDecided]))
        #expect(end.sent == 8 && end.fetched == UInt32(Self.refusal.utf8.count))
        talk.fetched += 1
        let other = talk.send(up: 0x11, "")
        #expect(!other.events.contains(.closing) && other.events.contains(.finished))
    }

    @Test func aResetEndsToo() {
        var talk = Talk()
        _ = talk.send("SYST\r\n")
        let end = talk.answer("", flags: 0x14)
        #expect(end.events.contains([.closing, .reset]) && !end.events.contains(.loginDecided))
        let other = talk.send(up: 0x04, "")
        #expect(!other.events.contains(.closing))
    }
}
