import Testing
import Timestamps

struct TimestampTests {
    @Test func timesOutOfRangeAreClamped() {
        #expect(Timestamp(second: 9_223_372_036).nanoseconds == 9_223_372_036_000_000_000)
        #expect(Timestamp(second: 9_223_372_037) == .distantFuture)
        #expect(Timestamp(second: UInt64.max) == .distantFuture)
        #expect(Timestamp(second: -9_223_372_037) == .distantPast)
        #expect(Timestamp(second: 9_223_372_036, nanoseconds: .max) == .distantFuture)
        #expect(Timestamp(secondsSince1970: .infinity) == .distantFuture)
        #expect(Timestamp(secondsSince1970: -1e300) == .distantPast)
        #expect(Timestamp(secondsSince1970: .nan) == .epoch)
        #expect(Timestamp.distantFuture + .nanoseconds(1) == .distantFuture)
        #expect(Timestamp.distantFuture - .nanoseconds(-1) == .distantFuture)
        #expect(Timestamp.distantPast - .nanoseconds(1) == .distantPast)
        #expect(Timestamp.epoch - .distantPast == .longest)
        #expect(Timestamp.distantPast - .distantFuture == Interval(nanoseconds: .min))
        #expect(-Interval(nanoseconds: .min) == .longest)
        #expect(Interval(nanoseconds: .min).magnitude == .longest)
        #expect(Interval(nanoseconds: .min) * -1 == .longest)
        #expect(Interval.longest * -2 == Interval(nanoseconds: .min))
        #expect(Interval.milliseconds(Int64.min) == Interval(nanoseconds: .min))
    }

    @Test(arguments: [
        (0, 0, 0), (999_999_999, 0, 999_999_999), (1_000_000_000, 1, 0), (-1, -1, 999_999_999),
        (-1_000_000_000, -1, 0), (-1_000_000_001, -2, 999_999_999),
        (Int64.max, 9_223_372_036, 854_775_807), (Int64.min, -9_223_372_037, 145_224_192),
    ])
    func aTimeBelongsToTheSecondThatBeganLast(nanoseconds: Int64, second: Int, rest: Int) {
        let time = Timestamp(nanoseconds: nanoseconds)
        #expect(time.second == second && time.nanosecondOfSecond == rest)
    }

    @Test func arithmeticKeepsUnitsApart() {
        let time = Timestamp(second: 100, nanoseconds: 250_000_000)
        #expect(time + .milliseconds(750) == Timestamp(second: 101))
        #expect(time - Timestamp(second: 90) == .milliseconds(10_250))
        #expect((time - .epoch).inSeconds == 100.25 && time.secondsSince1970 == 100.25)
        #expect(Interval.seconds(1.5) == .milliseconds(1500))
        #expect(Interval.seconds(-1.5).wholeSeconds == -1)
        #expect(Interval.microseconds(2500).wholeMilliseconds == 2)
        #expect(
            Interval.seconds(10) / .seconds(3) == 3 && Interval.seconds(9) / 2 * 2 == .seconds(9))
        #expect(Interval(Duration.milliseconds(-1500)) == .milliseconds(-1500))
        #expect(Duration(Interval.microseconds(7)) == .microseconds(7))
        #expect(Interval(Duration.seconds(1 << 62)) == .longest)
    }
}
