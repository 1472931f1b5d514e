import Timestamps

/// The flows of the last seconds that wait for their answers, which may be late: a SYN that was
/// lost is sent again after one second, and once more two seconds later (RFC 6298).
struct AwaitedAnswers: Sendable {
    /// The seconds in which an answer may come.
    private static let seconds = 4

    private struct Place {
        var second = Int.min / 2
        var flows: UInt32 = 0
    }

    /// The flows without an answer of each of the last seconds.
    private var places = InlineArray<4, Place>(repeating: Place())

    private static func index(_ second: Int) -> Int { second & (seconds - 1) }

    /// Notes the answer to a flow that was opened before the current second.
    mutating func noteAnswer(_ start: Timestamp) {
        let index = Self.index(start.second)
        guard places[index].second == start.second else { return }
        places[index].flows -= min(places[index].flows, 1)
    }

    mutating func endSecond(_ second: Int, pending: UInt32) {
        places[Self.index(second)] = Place(second: second, flows: pending)
    }

    /// Those without an answer at the end of a second with so many of its own.
    func waiting(_ pending: UInt64, at second: Int) -> UInt64 {
        var sum = pending
        for index in places.indices
        where places[index].second > second - Self.seconds && places[index].second < second {
            sum += UInt64(places[index].flows)
        }
        return sum
    }
}
