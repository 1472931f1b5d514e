package import Indicators
package import PacketCapture
package import PacketDecoding
package import Timestamps

/// Decodes frames of live interfaces to packets in order of time, without duplicates. Training and
/// detection both use it.
package struct FrameIntake: ~Copyable {
    /// The greatest delay of one interface's packets relative to another's: the kernel delivers its
    /// blocks within 50 ms, and a busy thread adds delays.
    package static let hold = Interval.milliseconds(120)

    /// The latest time of a packet, in the year 2116, so that sums of times stay in range.
    package static let lastTime = Timestamp(nanoseconds: 1 << 62)

    /// The packet that `next` has advanced to.
    package var packet = Packet()
    /// Whether `packet` was decoded and is not held back.
    private var isReady = false
    package private(set) var decoder = PacketDecoder()
    package private(set) var merge: ReorderBuffer
    /// For frames that come from the ports of a node.
    package private(set) var forwarded = ForwardedPackets()
    private var interfaces: Int
    /// The latest time of a packet: packets that the kernel stamped before the clock was set back
    /// count as new.
    private var latest = Self.lastTime

    /// - Parameter interfaces: with more than one, packets are held back briefly.
    package init(interfaces: Int) {
        merge = ReorderBuffer(interfaces: interfaces)
        self.interfaces = interfaces
    }

    /// Whether packets are held back briefly.
    package var isHolding: Bool { interfaces > 1 }

    /// Sets the number of interfaces.
    package mutating func setInterfaceCount(_ count: Int) {
        if count > 1, interfaces <= 1 { merge = ReorderBuffer(interfaces: count) }
        interfaces = max(interfaces, count)
    }

    /// Looks for these names in DNS questions from now on.
    package mutating func lookFor(_ names: NameTable?) { decoder.listedNames = names }

    /// Sets the current time; packets more than 2 s ahead of it are clamped.
    package mutating func advance(to now: Timestamp) {
        latest = min(now + .seconds(2), Self.lastTime)
    }

    /// Decodes a frame.
    ///
    /// - Precondition: between two frames, `next` was called until it returned false.
    /// - Returns: false for a frame that repeats an earlier one, which was seen as it came in.
    package mutating func process(_ frame: CapturedFrame) -> Bool {
        decoder.decode(frame, into: &packet)
        packet.time = min(max(packet.time, .epoch), latest)
        if forwarded.isRepeat(packet) { return false }
        if isHolding {
            merge.add(packet, from: frame.source)
        } else {
            isReady = true
        }
        return true
    }

    /// Releases the packets captured up to `horizon`.
    package mutating func release(until horizon: Timestamp) {
        if isHolding { merge.release(until: horizon) }
    }

    /// Advances to the next released packet; returns false if there is none.
    package mutating func next() -> Bool {
        if isReady {
            isReady = false
            return true
        }
        return isHolding && merge.next(into: &packet)
    }
}
