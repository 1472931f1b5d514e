package import PacketCapture
package import PacketDecoding
package import Timestamps

/// Frames of live interfaces to packets in their order, once each: what learning and judging have
/// in common.
package struct FrameIntake: ~Copyable {
    /// How long packets of one interface may come behind those of another: the kernel hands its
    /// blocks over within 50 ms, and a busy thread has its pauses.
    package static let hold = Interval.milliseconds(120)

    /// No packet is later than this, in the year 2116, so that sums of times stay in range.
    package static let lastTime = Timestamp(nanoseconds: 1 << 62)

    /// The packet that `next` has gone on to.
    package var packet = Packet()
    /// Whether `packet` was decoded and is not held.
    private var isReady = false
    package private(set) var decoder = PacketDecoder()
    package private(set) var merge: ReorderBuffer
    private var interfaces: Int
    /// No packet is from later: what the kernel stamped before the clock was set back is taken for
    /// new.
    private var latest = Self.lastTime

    /// - Parameter interfaces: of several, packets are held for a moment.
    package init(interfaces: Int) {
        merge = ReorderBuffer(interfaces: interfaces)
        self.interfaces = interfaces
    }

    /// Whether packets are held for a moment.
    package var isHolding: Bool { interfaces > 1 }

    /// From now on packets come from so many interfaces.
    package mutating func hold(interfaces count: Int) {
        if count > 1, interfaces <= 1 { merge = ReorderBuffer(interfaces: count) }
        interfaces = max(interfaces, count)
    }

    /// Sets the current time; packets more than 2 s ahead of it are clamped.
    package mutating func advance(to now: Timestamp) {
        latest = min(now + .seconds(2), Self.lastTime)
    }

    /// Takes in a frame.
    ///
    /// - Precondition: between two frames, `next` was called until it returned false.
    package mutating func take(_ frame: CapturedFrame) {
        decoder.decode(frame, into: &packet)
        packet.time = min(max(packet.time, .epoch), latest)
        if isHolding {
            merge.add(packet, from: frame.source)
        } else {
            isReady = true
        }
    }

    /// Asks for what was captured up to `horizon`.
    package mutating func release(until horizon: Timestamp) { merge.release(until: horizon) }

    /// Advances to the next packet that is released; false if there is none.
    package mutating func next() -> Bool {
        if isReady {
            isReady = false
            return true
        }
        return merge.next(into: &packet)
    }
}
