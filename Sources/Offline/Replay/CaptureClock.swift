import Timestamps

/// Follows the time of a capture's packets.
///
/// A clock that was set back, or one frame with a time far ahead, must not make the packets of
/// hours look like those of one second. Packets far behind the latest one are left out until many
/// in a row show that the clock was set back. Files in which two clocks take turns are read as they
/// are.
struct CaptureClock {
    /// How a packet's time relates to those before it.
    enum Step: Equatable {
        case goesOn
        /// The packet is far behind, and is left out.
        case isBehind
        /// The clock was set back: packets continue from here.
        case wasSetBack
    }

    /// How far behind an earlier packet a packet may be: networks and merged captures change the
    /// order of packets.
    private static let tolerance = Interval.seconds(5)
    /// Packets in a row that show a new time.
    private static let proof = 16
    /// Packets left out without that, from which on two clocks take turns.
    private static let most = 256

    private var latest = Timestamp.distantPast
    private var run = 0
    /// Packets that were left out.
    private(set) var leftOut = 0
    /// How often the clock was set back.
    private(set) var setBack = 0
    private var unproven = 0

    @inline(__always)
    mutating func note(_ time: Timestamp) -> Step {
        if time >= latest {
            latest = time
            run = 0
            return .goesOn
        }
        return noteEarlier(time)
    }

    private mutating func noteEarlier(_ time: Timestamp) -> Step {
        guard latest - time > Self.tolerance, unproven < Self.most else {
            run = 0
            return .goesOn
        }
        run += 1
        guard run < Self.proof else {
            (latest, run, unproven) = (time, 0, 0)
            setBack += 1
            return .wasSetBack
        }
        unproven += 1
        leftOut += 1
        return .isBehind
    }
}
