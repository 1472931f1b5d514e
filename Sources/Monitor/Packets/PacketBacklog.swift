import PacketDecoding
import Timestamps

/// Packets in the order of their arrival that wait until the windows before them are judged: the
/// kernel's ring is emptied meanwhile. It takes memory only while it is used.
struct PacketBacklog {
    private var packets: [Packet] = []
    private var head = 0

    /// The greatest number of packets that wait, about 20 MB.
    static let limit = 65_536
    /// The number of packets whose memory is kept.
    private static let kept = 4096

    var isEmpty: Bool { packets.isEmpty }
    var isFull: Bool { packets.count >= Self.limit }

    /// The time of the first packet; nil: none waits.
    var firstTime: Timestamp? { packets.isEmpty ? nil : packets[head].time }

    mutating func append(_ packet: Packet) { packets.append(packet) }

    /// Removes the first packet.
    ///
    /// - Precondition: it is not empty.
    mutating func takeFirst(into packet: inout Packet) {
        packet = packets[head]
        head += 1
        if head == packets.count {
            packets.removeAll(keepingCapacity: packets.capacity <= Self.kept)
            head = 0
        } else if head >= Self.kept, head * 2 >= packets.count {
            packets.removeFirst(head)
            head = 0
        }
    }
}
