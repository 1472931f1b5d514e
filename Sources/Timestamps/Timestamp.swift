/// A point in time: nanoseconds since the start of 1970 in UTC, from the year 1677 to 2262.
///
/// What files and other programs say may lie beyond: it becomes the nearest time there is, as does
/// what arithmetic would lead to.
@frozen
public struct Timestamp: Hashable, Comparable, Sendable, BitwiseCopyable {
    /// Since 1970.
    public var nanoseconds: Int64

    @inlinable
    @inline(__always)
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// The start of the given second since 1970, and so many nanoseconds later.
    @inlinable
    @inline(__always)
    public init(second: some BinaryInteger, nanoseconds: Int64 = 0) {
        self.nanoseconds = Interval.seconds(second).nanoseconds.addingClamping(nanoseconds)
    }

    /// By seconds since 1970 with their fraction; what is no number is 1970.
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

    /// The second that it lies in, counted from 1970.
    @inlinable
    @inline(__always)
    public var second: Int {
        // A remainder below zero belongs to the second before.
        let (quotient, rest) = nanoseconds.quotientAndRemainder(dividingBy: Interval.second)
        return Int(rest < 0 ? quotient &- 1 : quotient)
    }

    /// Nanoseconds since its second began.
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

    /// From `right` to `left`.
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

/// As the number of its nanoseconds.
extension Timestamp: Codable {
    public init(from decoder: any Decoder) throws {
        nanoseconds = try decoder.singleValueContainer().decode(Int64.self)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(nanoseconds)
    }
}
