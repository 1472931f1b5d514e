/// A point in time: nanoseconds since the start of 1970 in UTC, from the year 1677 to 2262.
///
/// Times from files and other programs may be beyond this range; they become the nearest time in
/// it, and arithmetic saturates.
@frozen
public struct Timestamp: Hashable, Comparable, Sendable, BitwiseCopyable {
    /// Nanoseconds since the start of 1970 in UTC.
    public var nanoseconds: Int64

    @inlinable
    @inline(__always)
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The time of the given second since 1970, plus nanoseconds.
    @inlinable
    @inline(__always)
    public init(second: some BinaryInteger, nanoseconds: Int64 = 0) {
        self.nanoseconds = Interval.seconds(second).nanoseconds.addingClamping(nanoseconds)
    }

    /// The time of the given seconds since 1970 with their fraction; NaN becomes 1970.
    @inlinable
    public init(secondsSince1970 seconds: Double) {
        nanoseconds = Interval.seconds(seconds).nanoseconds
    }

    /// The start of 1970.
    public static var epoch: Timestamp {
        @inlinable @inline(__always) get { Timestamp(nanoseconds: 0) }
    }

    /// Before every other time.
    public static var distantPast: Timestamp {
        @inlinable @inline(__always) get { Timestamp(nanoseconds: .min) }
    }

    /// After every other time.
    public static var distantFuture: Timestamp {
        @inlinable @inline(__always) get { Timestamp(nanoseconds: .max) }
    }

    /// The second since 1970 that contains this time.
    @inlinable
    @inline(__always)
    public var second: Int {
        // A negative remainder belongs to the previous second.
        let (quotient, rest) = nanoseconds.quotientAndRemainder(dividingBy: Interval.second)
        return Int(rest < 0 ? quotient &- 1 : quotient)
    }

    /// The nanoseconds since the start of that second.
    @inlinable
    public var nanosecondOfSecond: Int {
        let rest = nanoseconds % Interval.second
        return Int(rest < 0 ? rest + Interval.second : rest)
    }

    /// Seconds since 1970, with their fraction.
    @inlinable public var secondsSince1970: Double { Interval(nanoseconds: nanoseconds).inSeconds }

    // MARK: arithmetic

    @inlinable
    @inline(__always)
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    @inlinable
    @inline(__always)
    public static func + (time: Timestamp, interval: Interval) -> Timestamp {
        Timestamp(nanoseconds: time.nanoseconds.addingClamping(interval.nanoseconds))
    }

    @inlinable
    @inline(__always)
    public static func - (time: Timestamp, interval: Interval) -> Timestamp {
        Timestamp(nanoseconds: time.nanoseconds.subtractingClamping(interval.nanoseconds))
    }

    /// The time from `right` to `left`.
    @inlinable
    @inline(__always)
    public static func - (left: Timestamp, right: Timestamp) -> Interval {
        Interval(nanoseconds: left.nanoseconds.subtractingClamping(right.nanoseconds))
    }

    @inlinable
    public static func += (time: inout Timestamp, interval: Interval) { time = time + interval }

    @inlinable
    public static func -= (time: inout Timestamp, interval: Interval) { time = time - interval }
}

/// Encoded as its number of nanoseconds.
extension Timestamp: Codable {
    public init(from decoder: any Decoder) throws {
        nanoseconds = try decoder.singleValueContainer().decode(Int64.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(nanoseconds)
    }
}
