import NetworkAddresses

/// Counts what others have caused a host to do: each cause excuses some actions, for some seconds
/// after the last one.
///
/// A table of fixed size by the host's address alone: two hosts may share a place, so that what was
/// asked of one excuses the other rather than that nobody is excused.
struct Allowances: Sendable {
    private struct Place {
        var second = Int.min / 2
        var count = 0
    }

    private var places: [Place]
    private let bits: Int
    private let seconds: Int
    /// The most actions that are excused.
    private static let most = 4096

    /// - Parameters:
    ///   - bits: of the number of a place: the table has `1 << bits` places.
    ///   - seconds: after the last cause, in which actions are excused.
    init(bits: Int, seconds: Int) {
        places = [Place](repeating: Place(), count: 1 << bits)
        self.bits = bits
        self.seconds = seconds
    }

    /// The number of a host's place.
    func place(of host: IPAddress) -> Int {
        Int(DistinctWindow.mix(host.high ^ host.low &* 3) >> UInt64(UInt64.bitWidth - bits))
    }

    mutating func add(_ count: Int, at place: Int, second: Int) {
        if second - places[place].second > seconds { places[place].count = 0 }
        places[place].second = second
        places[place].count = min(places[place].count + count, Self.most)
    }

    /// The number of actions that are excused now.
    func count(at place: Int, second: Int) -> Int {
        second - places[place].second <= seconds ? places[place].count : 0
    }

    /// Whether an action is excused; the cause excuses no other.
    mutating func take(at place: Int, second: Int) -> Bool {
        guard count(at: place, second: second) > 0 else { return false }
        places[place].count -= 1
        return true
    }
}
