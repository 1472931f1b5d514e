import Timestamps

/// The flows of the last seconds that wait for their answers, which may be late: a SYN that was
/// lost is sent again after one second, and once more two seconds later (RFC 6298). Those to
/// outside addresses, and those inside that were opened in bursts, as by a client that begins many
/// at once: who opens them one by one would wait for the first ones.
struct AwaitedAnswers: Sendable {
    /// The seconds in which an answer may come.
    private static let seconds = 4
    /// The flows within a moment that are a burst.
    private static let least: UInt32 = 10
    private static let moment = Interval.milliseconds(100)

    private struct Place {
        var second = Int.min / 2
        /// The flows without an answer.
        var flows: UInt32 = 0
        /// The flows outside and in bursts.
        var late: UInt32 = 0

        var waiting: UInt64 { UInt64(min(flows, late)) }
    }

    private var places = InlineArray<4, Place>(repeating: Place())
    /// The flows outside and in bursts of the current second.
    private var late: UInt32 = 0
    /// When the moment began, and its flows.
    private var start = Timestamp.epoch
    private var flows: UInt32 = 0

    private static func index(_ second: Int) -> Int { second & (seconds - 1) }

    /// Notes that a flow is opened.
    ///
    /// - Parameter isFar: whether its receiver is outside.
    mutating func note(_ time: Timestamp, isFar: Bool) {
        if isFar {
            late &+= 1
            return
        }
        if time < start || time - start >= Self.moment { (start, flows) = (time, 0) }
        flows &+= 1
        if flows >= Self.least { late &+= flows == Self.least ? Self.least : 1 }
    }

    /// Notes the answer to a flow that was opened before the current second.
    mutating func noteAnswer(_ start: Timestamp) {
        let index = Self.index(start.second)
        guard places[index].second == start.second else { return }
        places[index].flows -= min(places[index].flows, 1)
    }

    mutating func endSecond(_ second: Int, pending: UInt32) {
        places[Self.index(second)] = Place(second: second, flows: pending, late: late)
        late = 0
    }

    /// The flows that make a host's next seconds worth a look although it sends nothing more.
    private static let many: UInt64 = 10

    /// Whether many flows waited at the end of the second before, so that `second` shows whether
    /// they were answered.
    func areMany(at second: Int) -> Bool {
        waiting(0, at: second) >= Self.many || waiting(0, at: second - 1) >= Self.many
    }

    /// Those without an answer at the end of a second with so many of its own.
    func waiting(_ pending: UInt64, at second: Int) -> UInt64 {
        let places = places.span
        var sum = min(pending, UInt64(late))
        for index in places.indices
        where places[index].second > second - Self.seconds && places[index].second < second {
            sum += places[index].waiting
        }
        return sum
    }
}
