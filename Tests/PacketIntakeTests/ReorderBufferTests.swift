import Foundation
import NetworkAddresses
import PacketDecoding
import Testing

@testable import PacketIntake
import Timestamps

/// Packets of several interfaces are returned by time, and each of them once.
struct ReorderBufferTests {
    private func packet(_ milliseconds: Int64, sequence: UInt32) -> Packet {
        var packet = Packet()
        packet.kind = .ip
        packet.time = .epoch + .milliseconds(milliseconds)
        packet.source = IPAddress(v4: 0x0A00_0001)
        packet.destination = IPAddress(v4: 0x0A00_0002)
        packet.ipProtocol = 6
        packet.sourcePort = 40_000
        packet.destinationPort = 80
        packet.tcpSequence = sequence
        return packet
    }

    private func merged(
        _ sights: [(source: Int32, milliseconds: Int64, sequence: UInt32)],
        until: Timestamp = .distantFuture
    ) -> (sequences: [UInt32], duplicates: UInt64) {
        var merge = ReorderBuffer(interfaces: 2)
        var sequences: [UInt32] = []
        var next = Packet()
        for sight in sights {
            merge.add(packet(sight.milliseconds, sequence: sight.sequence), from: sight.source)
            let isHandedOut = merge.next(into: &next)
            #expect(!isHandedOut)
        }
        merge.release(until: until)
        while merge.next(into: &next) { sequences.append(next.tcpSequence) }
        return (sequences, merge.duplicates)
    }

    @Test func latePacketsOfOneInterfaceAreStillInOrder() {
        let out = merged([(0, 10, 1), (0, 30, 3), (1, 20, 2), (1, 40, 4)])
        #expect(out.sequences == [1, 2, 3, 4] && out.duplicates == 0)
    }

    @Test func noPacketBeyondTheHorizonIsReleased() {
        #expect(
            merged([(0, 10, 1), (1, 200, 2)], until: .epoch + .milliseconds(100)).sequences == [1])
    }

    @Test func aForwardedPacketIsSeenOnce() {
        let out = merged([(0, 10, 1), (1, 11, 1), (0, 12, 2), (1, 13, 2)])
        #expect(out.sequences == [1, 2] && out.duplicates == 2)
    }

    @Test func aRepetitionIsNotADuplicate() {
        // On the same interface, or later than forwarding takes.
        let out = merged([(0, 10, 1), (0, 11, 1), (1, 30, 1)])
        #expect(out.sequences == [1, 1, 1] && out.duplicates == 0)
    }

    @Test func aFullQueueReleasesTheOldestPacket() {
        var merge = ReorderBuffer(interfaces: 2)
        var next = Packet()
        var count: UInt32 = 0
        for number in 0..<UInt32(10_000) {
            merge.add(packet(Int64(number), sequence: number), from: 0)
            while merge.next(into: &next) {
                #expect(next.tcpSequence == count)
                count += 1
            }
        }
        #expect(count > 5000 && merge.overflowed > 0)
        merge.release(until: .distantFuture)
        while merge.next(into: &next) { count += 1 }
        #expect(count == 10_000)
    }
}
