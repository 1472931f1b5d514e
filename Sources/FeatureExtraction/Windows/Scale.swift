/// The three window lengths. A window slides by its bucket and is a whole number of buckets long.
public enum Scale: Int, CaseIterable, Sendable {
    case short, medium, long

    /// Length of the window in seconds.
    public var seconds: Int {
        switch self {
        case .short: 10
        case .medium: 60
        case .long: 600
        }
    }

    /// Seconds of one bucket, and between two evaluations.
    public var bucketSeconds: Int {
        switch self {
        case .short: 1
        case .medium: 5
        case .long: 30
        }
    }

    /// Buckets of a window.
    public var bucketCount: Int { seconds / bucketSeconds }

    /// The index of the scale's first bucket in the ring of all scales.
    var ringOffset: Int {
        switch self {
        case .short: 0
        case .medium: 10
        case .long: 22
        }
    }

    /// Buckets of all scales together.
    static let ringSize = 42

    /// The ring index of the bucket that contains `second`.
    func ringIndex(_ second: Int) -> Int {
        ringIndex(bucket: second / bucketSeconds)
    }

    /// The last second of the bucket that contains `second`.
    func bucketEnd(_ second: Int) -> Int {
        second - second % bucketSeconds + bucketSeconds - 1
    }

    /// The buckets, as numbers since 1970, that begin after one second and up to another: as many
    /// as have a place in the ring.
    func reused(after first: Int, through second: Int) -> Range<Int> {
        let last = second / bucketSeconds
        let count = min(max(last - first / bucketSeconds, 0), bucketCount)
        return last - count + 1..<last + 1
    }

    /// The ring index of a bucket; the first windows of 1970 have buckets before it.
    func ringIndex(bucket: Int) -> Int {
        let place = bucket % bucketCount
        return ringOffset + (place < 0 ? place + bucketCount : place)
    }
}
