import Indicators
import NetworkAddresses
import Workloads

/// Contacts with listed addresses and questions for listed names: one of each workload and object
/// in an hour, however often it is repeated.
struct SightingLog: Sendable {
    struct Sighting: Sendable {
        var slot: Int
        var subject: IPAddress
        var second: Int
        var contact: Contact
        var hit: IndicatorHit
    }

    /// How long an object is not reported again for a workload.
    static let pause = 3600
    /// The most objects of a workload in that time.
    static let mostObjects = 32
    /// The most workloads with a name, and the most addresses without one: forged sources do not
    /// take the place of workloads.
    static let mostNamed = 65_536
    static let mostUnnamed = 4096

    /// Those that were not returned yet begin at `first`.
    private var waiting: [Sighting] = []
    private var first = 0
    private var named: [String: [UInt64: Int]] = [:]
    private var unnamed: [IPAddress: [UInt64: Int]] = [:]
    /// When old entries were last removed.
    private var cleaned = Int.min / 2

    /// Whether an object is to be reported for a workload; it then is not for an hour.
    mutating func isNew(
        _ object: UInt64, of identity: Identity, at address: IPAddress, second: Int
    ) -> Bool {
        if identity.isNamed {
            return isNew(object, identity.name, second, in: \.named, most: Self.mostNamed)
        }
        return isNew(object, address, second, in: \.unnamed, most: Self.mostUnnamed)
    }

    private mutating func isNew<Name: Hashable>(
        _ object: UInt64, _ name: Name, _ second: Int,
        in table: WritableKeyPath<Self, [Name: [UInt64: Int]]>, most: Int
    ) -> Bool {
        let known = self[keyPath: table][name]
        // A time in the future is from before the clock was set back.
        if let last = known?[object], (0..<Self.pause).contains(second - last) { return false }
        let isFull =
            known.map { $0.count >= Self.mostObjects } ?? (self[keyPath: table].count >= most)
        if isFull {
            guard clean(second) else { return false }
            return isNew(object, name, second, in: table, most: most)
        }
        self[keyPath: table][name, default: [:]][object] = second
        return true
    }

    /// Removes old entries, once a minute at most.
    ///
    /// - Returns: false if it was done less than a minute ago.
    private mutating func clean(_ second: Int) -> Bool {
        guard !(0..<60).contains(second - cleaned) else { return false }
        cleaned = second
        func isRecent(_ last: Int) -> Bool { (0..<Self.pause).contains(second - last) }
        named = named.mapValues { $0.filter { isRecent($0.value) } }.filter { !$0.value.isEmpty }
        unnamed = unnamed.mapValues { $0.filter { isRecent($0.value) } }
            .filter { !$0.value.isEmpty }
        return true
    }

    mutating func add(_ sighting: Sighting) { waiting.append(sighting) }

    /// Removes the first sighting of the seconds before `second`.
    mutating func next(before second: Int) -> Sighting? {
        guard first < waiting.count else {
            if first > 0 {
                waiting.removeAll(keepingCapacity: waiting.count <= 64)
                first = 0
            }
            return nil
        }
        guard waiting[first].second < second else { return nil }
        first += 1
        return waiting[first - 1]
    }
}
