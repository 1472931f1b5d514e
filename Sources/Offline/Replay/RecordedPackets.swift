import PacketDecoding
import PacketIntake

/// The packets of a recording in their order, and those that were forwarded, and so recorded twice, once.
struct RecordedPackets {
    private var merge = PacketMerge(interfaces: 2)
    private var newest = Int64.min

    /// Interfaces that are told apart: a packet comes out of the gateway by another one than it came in by.
    private static let interfaceCount: UInt32 = 64

    /// Takes in a packet, and hands on what is old enough that nothing older can come.
    mutating func add(_ packet: Packet, from interface: UInt32, _ body: (inout Packet) -> Void) {
        merge.add(packet, from: Int32(interface % Self.interfaceCount), body)
        newest = max(newest, packet.timeNanoseconds)
        merge.release(until: newest - FrameIntake.holdNanoseconds, body)
    }

    /// Hands on the rest.
    mutating func finish(_ body: (inout Packet) -> Void) { merge.release(until: .max, body) }
}
