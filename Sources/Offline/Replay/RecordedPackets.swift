import PacketDecoding
import PacketIntake
import Timestamps

/// The packets of a recording in their order, and those that were forwarded, and so recorded twice,
/// once.
struct RecordedPackets {
    private var merge = ReorderBuffer(interfaces: 2)
    private var newest = Timestamp.distantPast

    /// Interfaces that are told apart: a packet comes out of the gateway by another one than it
    /// came in by.
    private static let interfaceCount: UInt32 = 64

    /// Takes in a packet; `next` hands out what is so old that nothing older can come.
    ///
    /// - Precondition: between two packets, `next` was called until it returned false.
    mutating func add(_ packet: Packet, from interface: UInt32) {
        merge.add(packet, from: Int32(interface % Self.interfaceCount))
        newest = max(newest, packet.time)
        merge.release(until: newest - FrameIntake.hold)
    }

    /// Hands out the rest.
    mutating func finish() { merge.release(until: .distantFuture) }

    /// Takes the next packet that is old enough; false where there is none.
    mutating func next(into packet: inout Packet) -> Bool { merge.next(into: &packet) }
}
