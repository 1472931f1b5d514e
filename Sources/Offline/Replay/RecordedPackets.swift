import PacketDecoding
import PacketIntake
import Timestamps

/// Puts the packets of a recording in order. A forwarded packet, which was recorded twice, is
/// returned once.
struct RecordedPackets {
    private var merge = ReorderBuffer(interfaces: 2)
    private var newest = Timestamp.distantPast

    /// The number of distinguished interfaces: a forwarded packet leaves the gateway by another
    /// interface than it arrived on.
    private static let interfaceCount: UInt32 = 64

    /// Adds a packet; `next` returns packets that no older one can precede.
    ///
    /// - Precondition: between two packets, `next` was called until it returned false.
    mutating func add(_ packet: Packet, from interface: UInt32) {
        merge.add(packet, from: Int32(interface % Self.interfaceCount))
        newest = max(newest, packet.time)
        merge.release(until: newest - FrameIntake.hold)
    }

    /// Releases the remaining packets.
    mutating func finish() { merge.release(until: .distantFuture) }

    /// Removes the next packet that is old enough; false if there is none.
    mutating func next(into packet: inout Packet) -> Bool { merge.next(into: &packet) }
}
