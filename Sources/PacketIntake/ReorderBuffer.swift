internal import NetworkAddresses
package import PacketDecoding
package import Timestamps

/// Sorts the packets of several interfaces by time and removes duplicates.
///
/// Every interface delivers its packets in blocks, so those of one may arrive after later ones of
/// another. They are held until `release(until:)`. A gateway captures a forwarded packet on its way
/// in and again on its way out; the second sighting, on another interface, is dropped. Memory is
/// fixed.
package struct ReorderBuffer {
    /// The number of second sightings of a packet that were dropped.
    package private(set) var duplicates: UInt64 = 0
    /// The number of packets released early because a queue was full.
    package private(set) var overflowed: UInt64 = 0

    private var queues: [Queue]
    private var sights: [Sight]
    private var count = 0
    /// Packets up to this time are released; the least time if none is.
    private var horizon = Timestamp.distantPast

    /// The longest time in which a gateway forwards a packet.
    private static let forwardTime = Interval.milliseconds(5)
    private static let queueCapacity = 4096
    private static let sightCount = 1 << 15

    private struct Queue {
        var packets: [Packet]
        var head = 0
        var count = 0

        @inline(__always)
        var first: Timestamp { packets[head].time }
    }

    private struct Sight {
        var mark: UInt64 = 0
        var time = Timestamp.distantPast
        var source: Int32 = -1
    }

    /// - Parameter interfaces: the number of interfaces; further ones get a queue with their first
    ///   packet.
    package init(interfaces: Int) {
        queues = Array(repeating: Self.emptyQueue, count: max(1, interfaces))
        sights = Array(repeating: Sight(), count: interfaces > 1 ? Self.sightCount : 0)
    }

    // One entry more than the capacity: for the newest packet while the oldest is released.
    private static var emptyQueue: Queue {
        Queue(packets: Array(repeating: Packet(), count: queueCapacity + 1))
    }

    /// Adds a packet; if the queue is full, releases its oldest one.
    ///
    /// - Precondition: between two packets, `next` was called until it returned false.
    package mutating func add(_ packet: Packet, from source: Int32) {
        let index = Int(source)
        while index >= queues.count { queues.append(Self.emptyQueue) }
        precondition(queues[index].count <= Self.queueCapacity, "the oldest packets were taken")
        let tail = (queues[index].head + queues[index].count) % (Self.queueCapacity + 1)
        queues[index].packets[tail] = packet
        queues[index].count += 1
        count += 1
        guard queues[index].count > Self.queueCapacity else { return }
        overflowed &+= 1
        release(until: queues[index].first)
    }

    /// Releases the packets captured up to `time`; `next` returns them.
    package mutating func release(until time: Timestamp) { horizon = max(horizon, time) }

    /// Removes the oldest released packet; returns false if there is none.
    package mutating func next(into packet: inout Packet) -> Bool {
        guard horizon > .distantPast else { return false }
        while count > 0 {
            var oldest = -1
            for index in queues.indices where queues[index].count > 0 {
                if oldest < 0 || queues[index].first < queues[oldest].first { oldest = index }
            }
            guard oldest >= 0, queues[oldest].first <= horizon else { break }
            let head = queues[oldest].head
            queues[oldest].head = (head + 1) % (Self.queueCapacity + 1)
            queues[oldest].count -= 1
            count -= 1
            guard isNew(queues[oldest].packets[head], Int32(oldest)) else { continue }
            packet = queues[oldest].packets[head]
            return true
        }
        horizon = .distantPast
        return false
    }

    /// Whether this is the first sighting of a packet.
    private mutating func isNew(_ packet: Packet, _ source: Int32) -> Bool {
        guard !sights.isEmpty, packet.kind != .other else { return true }
        let mark = packet.forwardingDigest
        let place = Int(truncatingIfNeeded: mark >> 32) & (Self.sightCount - 1)
        let before = sights[place]
        let age = packet.time - before.time
        if before.mark == mark, before.source != source, age >= .zero, age <= Self.forwardTime {
            duplicates &+= 1
            return false
        }
        sights[place] = Sight(mark: mark, time: packet.time, source: source)
        return true
    }
}
