/// A duration in nanoseconds, positive or negative, up to 292 years.
///
/// Arithmetic saturates at the longest duration and never traps on overflow.
@frozen
public struct Interval: Hashable, Comparable, AdditiveArithmetic, Sendable, BitwiseCopyable {
    public var nanoseconds: Int64

    @inlinable
    @inline(__always)
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    public static var zero: Interval {
        @inlinable @inline(__always) get { Interval(nanoseconds: 0) }
    }

    /// The longest duration.
    public static var longest: Interval {
        @inlinable @inline(__always) get { Interval(nanoseconds: .max) }
    }

    /// The nanoseconds of a second.
    @usableFromInline static var second: Int64 {
        @inlinable @inline(__always) get { 1_000_000_000 }
    }

    // MARK: units

    @inlinable
    public static func seconds(_ count: some BinaryInteger) -> Interval {
        Interval(Int64(clamping: count), of: second)
    }

    /// Creates an interval from seconds; NaN becomes zero.
    @inlinable
    public static func seconds(_ count: Double) -> Interval {
        let nanoseconds = count * Double(second)
        if nanoseconds.isNaN { return .zero }
        return Interval(
            nanoseconds: Int64(exactly: nanoseconds.rounded(.towardZero))
                ?? (nanoseconds < 0 ? .min : .max))
    }

    @inlinable
    public static func milliseconds(_ count: some BinaryInteger) -> Interval {
        Interval(Int64(clamping: count), of: second / 1000)
    }

    @inlinable
    public static func microseconds(_ count: some BinaryInteger) -> Interval {
        Interval(Int64(clamping: count), of: 1000)
    }

    @inlinable
    public static func nanoseconds(_ count: some BinaryInteger) -> Interval {
        Interval(nanoseconds: Int64(clamping: count))
    }

    @inlinable
    init(_ count: Int64, of unit: Int64) {
        let (product, isOver) = count.multipliedReportingOverflow(by: unit)
        nanoseconds = isOver ? (count < 0 ? .min : .max) : product
    }

    /// The duration in seconds with their fraction.
    @inlinable public var inSeconds: Double { Double(nanoseconds) / Double(Self.second) }

    /// The whole seconds, rounded towards zero.
    @inlinable public var wholeSeconds: Int { Int(nanoseconds / Self.second) }

    /// The whole milliseconds, rounded towards zero.
    @inlinable public var wholeMilliseconds: Int64 { nanoseconds / (Self.second / 1000) }

    // MARK: arithmetic

    @inlinable
    @inline(__always)
    public static func < (left: Interval, right: Interval) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    @inlinable
    @inline(__always)
    public static func + (left: Interval, right: Interval) -> Interval {
        Interval(nanoseconds: left.nanoseconds.addingClamping(right.nanoseconds))
    }

    @inlinable
    @inline(__always)
    public static func - (left: Interval, right: Interval) -> Interval {
        Interval(nanoseconds: left.nanoseconds.subtractingClamping(right.nanoseconds))
    }

    @inlinable
    public static prefix func - (interval: Interval) -> Interval { .zero - interval }

    @inlinable
    public static func * (interval: Interval, factor: Int) -> Interval {
        let (product, isOver) = interval.nanoseconds.multipliedReportingOverflow(by: Int64(factor))
        guard isOver else { return Interval(nanoseconds: product) }
        return (interval < .zero) == (factor < 0) ? .longest : Interval(nanoseconds: .min)
    }

    /// - Precondition: `divisor` is above zero.
    @inlinable
    public static func / (interval: Interval, divisor: Int) -> Interval {
        Interval(nanoseconds: interval.nanoseconds / Int64(divisor))
    }

    /// The whole number of times that `divisor` fits into `interval`.
    ///
    /// - Precondition: `divisor` is longer than zero.
    @inlinable
    public static func / (interval: Interval, divisor: Interval) -> Int {
        Int(interval.nanoseconds / divisor.nanoseconds)
    }

    /// The absolute value.
    @inlinable public var magnitude: Interval { self < .zero ? -self : self }
}

/// Conversion from `Duration`, for functions of Swift's library. `Duration` has 128 bits and its
/// comparisons are several times slower, so packets and flows use `Interval`.
extension Interval {
    public init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .seconds(seconds) + .nanoseconds(attoseconds / Self.second)
    }
}

extension Duration {
    public init(_ interval: Interval) { self = .nanoseconds(interval.nanoseconds) }
}

extension Int64 {
    /// The sum, saturated at the ends of the range.
    @inlinable
    @inline(__always)
    func addingClamping(_ other: Int64) -> Int64 {
        let (sum, isOver) = addingReportingOverflow(other)
        return isOver ? (other > 0 ? .max : .min) : sum
    }

    /// The difference, saturated at the ends of the range.
    @inlinable
    @inline(__always)
    func subtractingClamping(_ other: Int64) -> Int64 {
        let (difference, isOver) = subtractingReportingOverflow(other)
        return isOver ? (other < 0 ? .max : .min) : difference
    }
}
