internal import NetworkAddresses
package import PacketDecoding

/// Packets of several interfaces in the order of their times, and each of them once.
///
/// Every interface hands over its packets in blocks, so those of one come late behind those of another:
/// they are held until `horizon`. A gateway sees a packet that it forwards on its way in and again on its
/// way out; the later sight, on another interface, is left out. Memory is fixed.
package struct PacketMerge {
    /// Later sights of a packet that were left out.
    package private(set) var duplicates: UInt64 = 0
    /// Packets handed on before their time because the room was full.
    package private(set) var hurried: UInt64 = 0

    private var queues: [Queue]
    private var sights: [Sight]
    private var count = 0

    /// A forwarded packet comes out within this time.
    private static let forwardNanoseconds: Int64 = 5_000_000
    private static let queueCapacity = 4096
    private static let sightCount = 1 << 15

    private struct Queue {
        var packets: [Packet]
        var head = 0
        var count = 0

        @inline(__always)
        var first: Int64 { packets[head].timeNanoseconds }
    }

    private struct Sight {
        var mark: UInt64 = 0
        var time: Int64 = .min
        var source: Int32 = -1
    }

    /// - Parameter interfaces: how many there are; further ones get their room when they first come.
    package init(interfaces: Int) {
        queues = Array(repeating: Self.emptyQueue, count: max(1, interfaces))
        sights = Array(repeating: Sight(), count: interfaces > 1 ? Self.sightCount : 0)
    }

    private static var emptyQueue: Queue {
        Queue(packets: Array(repeating: Packet(), count: queueCapacity))
    }

    /// Takes in a packet; where the room is full, the oldest goes to `body` first.
    package mutating func add(_ packet: Packet, from source: Int32, _ body: (inout Packet) -> Void)
    {
        let index = Int(source)
        while index >= queues.count { queues.append(Self.emptyQueue) }
        if queues[index].count == Self.queueCapacity {
            hurried &+= 1
            release(until: queues[index].first, body)
        }
        let tail = (queues[index].head + queues[index].count) % Self.queueCapacity
        queues[index].packets[tail] = packet
        queues[index].count += 1
        count += 1
    }

    /// Hands on what was captured up to `horizon`, oldest first.
    package mutating func release(until horizon: Int64, _ body: (inout Packet) -> Void) {
        while count > 0 {
            var oldest = -1
            for index in queues.indices where queues[index].count > 0 {
                if oldest < 0 || queues[index].first < queues[oldest].first { oldest = index }
            }
            guard oldest >= 0, queues[oldest].first <= horizon else { return }
            let head = queues[oldest].head
            queues[oldest].head = (head + 1) % Self.queueCapacity
            queues[oldest].count -= 1
            count -= 1
            guard isNew(queues[oldest].packets[head], Int32(oldest)) else { continue }
            body(&queues[oldest].packets[head])
        }
    }

    /// Whether this is the first sight of a packet.
    private mutating func isNew(_ packet: Packet, _ source: Int32) -> Bool {
        guard !sights.isEmpty, packet.kind != .other else { return true }
        let mark = Self.mark(packet)
        let place = Int(truncatingIfNeeded: mark >> 32) & (Self.sightCount - 1)
        let before = sights[place]
        let age = packet.timeNanoseconds &- before.time
        if before.mark == mark, before.source != source, age >= 0, age <= Self.forwardNanoseconds {
            duplicates &+= 1
            return false
        }
        sights[place] = Sight(mark: mark, time: packet.timeNanoseconds, source: source)
        return true
    }

    /// A digest of what forwarding does not change.
    private static func mark(_ packet: Packet) -> UInt64 {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
        func mix(_ word: UInt64) {
            let product = (hash ^ word).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
            hash = product.high ^ product.low
        }
        mix(packet.source.high)
        mix(packet.source.low)
        mix(packet.destination.high)
        mix(packet.destination.low)
        mix(
            UInt64(packet.sourcePort) << 48 | UInt64(packet.destinationPort) << 32
                | UInt64(packet.ipLength))
        mix(UInt64(packet.tcpSequence) << 32 | UInt64(packet.tcpAcknowledgment))
        mix(
            UInt64(packet.ipProtocol) << 56 | UInt64(packet.tcpFlags) << 48
                | UInt64(packet.tcpWindow) << 32 | UInt64(packet.arpOperation) << 16
                | UInt64(packet.icmpIdentifier))
        mix(UInt64(packet.fragmentIdentifier) << 32 | UInt64(packet.dns.identifier))
        mix(packet.arpSenderMAC.value)
        return hash
    }
}
