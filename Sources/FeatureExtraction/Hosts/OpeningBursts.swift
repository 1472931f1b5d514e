import Timestamps

/// The flows of the last two seconds that wait for their answers, which may be late: those to
/// outside addresses, and those inside that were opened in bursts, as by a client that begins many
/// at once.
struct OpeningBursts: Sendable {
    /// The flows within a moment that are a burst.
    private static let least: UInt64 = 10
    private static let moment = Interval.milliseconds(100)

    private var start = Timestamp.epoch
    /// The flows of the moment that began at `start`.
    private var flows: UInt64 = 0
    /// The flows outside, and in bursts, of the current second and the one before it.
    private var current: UInt64 = 0
    private var earlier: UInt64 = 0
    /// Flows without an answer of the second before, and that second.
    private var pending: UInt64 = 0
    private var second = Int.min / 2

    /// Notes that a flow is opened.
    ///
    /// - Parameter isFar: whether its receiver is outside: the way alone may take a second.
    mutating func note(_ time: Timestamp, isFar: Bool) {
        if isFar {
            current += 1
            return
        }
        if time < start || time - start >= Self.moment { (start, flows) = (time, 0) }
        flows += 1
        if flows >= Self.least { current += flows == Self.least ? Self.least : 1 }
    }

    /// Notes the answer to a flow that was opened before the current second.
    mutating func noteAnswer(_ start: Timestamp, in current: Int) {
        guard second == current - 1, start.second == second else { return }
        pending -= min(pending, 1)
    }

    mutating func endSecond(_ second: Int, pending: UInt64) {
        (earlier, current) = (current, 0)
        (self.pending, self.second) = (pending, second)
    }

    /// Those without an answer at the end of a second with so many of its own.
    func waiting(_ pending: UInt64, at second: Int) -> UInt64 {
        let isLast = self.second == second - 1
        return min(pending + (isLast ? self.pending : 0), current + (isLast ? earlier : 0))
    }
}
