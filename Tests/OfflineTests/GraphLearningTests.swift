import BaselineGraph
import FeatureExtraction
import FlowMetering
import NetworkAddresses
import PacketDecoding
import Testing
import Timestamps
import Workloads

@testable import Offline

/// A graph that is learned again from what was kept.
struct GraphLearningTests {
    /// Batches in which an address has another owner after each third packet.
    private func batches() -> [PacketBatch] {
        (0..<3).map { part in
            var batch = PacketBatch()
            for number in 0..<9 {
                if number % 3 == 1 {
                    var change = WorkloadChange()
                    change.holders[IPAddress(v4: 0x0A00_0001)] = Inventory.Holder(
                        workload: "owner \(part) \(number)")
                    batch.add(.names(change))
                }
                var packet = Packet()
                packet.kind = .ip
                packet.ipVersion = 4
                packet.ipProtocol = 6
                packet.source = IPAddress(v4: 0x0A00_0001)
                packet.destination = IPAddress(v4: 0x0A00_0002 + UInt32(number % 2))
                packet.sourcePort = 40_000
                packet.destinationPort = UInt16(part * 9 + number + 1)
                packet.time = Timestamp(second: 1_000_000 + part * 9 + number)
                batch.packets[batch.count] = packet
                batch.updates[batch.count].events = [.started, .fromOriginator]
                batch.count += 1
            }
            // The last change applies to the next batch.
            batch.add(.names(WorkloadChange()))
            return batch
        }
    }

    /// Each contact is that of the owner at its time, with and without a part of the packets.
    @Test(arguments: [nil, 0x0A00_0003] as [UInt32?])
    func changesApplyToThePacketsAfterThem(leftOut: UInt32?) {
        let isClean = { @Sendable (packet: Packet) in
            packet.destination != leftOut.map { IPAddress(v4: $0) }
        }
        var first = GraphLearning(inventory: .empty, keptLimit: 1000)
        var direct = GraphLearning(inventory: .empty, isClean: isClean)
        for batch in batches() {
            first.observe(batch)
            direct.observe(batch)
        }
        var again = GraphLearning(inventory: .empty, isClean: isClean)
        let isWhole = again.observe(first)
        let (learned, expected) = (again.learner.finish(), direct.learner.finish())
        #expect(isWhole && learned == expected)
        #expect(learned.names.contains("owner 0 1") && learned.names.contains("owner 2 7"))
        #expect((learned == first.learner.finish()) == (leftOut == nil))
    }

    @Test func whatIsNotWholeIsNotLearned() {
        var first = GraphLearning(inventory: .empty, keptLimit: 20)
        for batch in batches() { first.observe(batch) }
        var again = GraphLearning(inventory: .empty)
        let isWhole = again.observe(first)
        #expect(!isWhole && again.learner.finish().edges.isEmpty)
    }
}
