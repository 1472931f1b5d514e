internal import Events

/// The latest events of a monitor, each kept once, whoever follows them.
///
/// Events have numbers from 1 on. A follower has a number and no copy of anything: one that is too
/// slow finds that the oldest are gone, and is told how many.
struct EventRing {
    /// Each event in the place of its number modulo the limit.
    private var places = [RenderedEvent?](repeating: nil, count: countLimit)
    /// The number of the oldest event that is kept.
    private var first: UInt64 = 1
    private var bytes = 0
    /// The number of the latest event; 0 before the first.
    private(set) var last: UInt64 = 0

    /// At most so many are kept…
    static let countLimit = 2048
    /// …and so many bytes of their lines, but always the latest.
    static let byteLimit = 8 << 20

    mutating func append(_ event: RenderedEvent) {
        if last + 1 - first == UInt64(Self.countLimit) { removeFirst() }
        last += 1
        places[place(of: last)] = event
        bytes += event.line.utf8.count
        while bytes > Self.byteLimit, first < last { removeFirst() }
    }

    /// The event behind `number`, or how many are missed before the oldest that is kept; nil:
    /// there is none yet.
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
