internal import Events

/// The latest events of a monitor, each stored once for all followers.
///
/// Events have numbers from 1 on. A follower has a number and no copy of any event: one that is too
/// slow receives the number of events that it missed.
struct EventRing {
    /// Each event, at the index of its number modulo the limit.
    private var places = [RenderedEvent?](repeating: nil, count: countLimit)
    /// The number of the oldest event in the ring.
    private var first: UInt64 = 1
    private var bytes = 0
    /// The number of the latest event; 0 before the first.
    private(set) var last: UInt64 = 0

    /// Events in the ring, at most…
    static let countLimit = 2048
    /// …and bytes of their lines, at most; the latest event is always kept.
    static let byteLimit = 8 << 20

    mutating func append(_ event: RenderedEvent) {
        if last + 1 - first == UInt64(Self.countLimit) { removeFirst() }
        last += 1
        places[place(of: last)] = event
        bytes += event.line.utf8.count
        while bytes > Self.byteLimit, first < last { removeFirst() }
    }

    /// The event after `number`, or the number of events that are missed before the oldest in the
    /// ring; nil: there is none yet.
    func item(after number: UInt64) -> MonitorHub.Followed? {
        guard number < last else { return nil }
        guard number + 1 >= first else {
            return .missed(count: first - 1 - number, last: first - 1)
        }
        return places[place(of: number + 1)].map { .event(number: number + 1, $0) }
    }

    private func place(of number: UInt64) -> Int { Int(number % UInt64(Self.countLimit)) }

    private mutating func removeFirst() {
        bytes -= places[place(of: first)]?.line.utf8.count ?? 0
        places[place(of: first)] = nil
        first += 1
    }
}
