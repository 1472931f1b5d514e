import Testing
import Timestamps

@testable import TextFormats

/// Lengths of time and amounts of bytes as people write them.
struct UnitTests {
    @Test(
        arguments: [
            ("90s", 90), ("10m", 600), ("1h30m", 5400), ("2d", 172_800), ("1d2h3m4s", 93_784),
            ("0s", 0), ("400d", 34_560_000),
        ] as [(String, Int64)])
    func spansAreSumsOfTheirParts(text: String, seconds: Int64) throws {
        let span = try #require(TimeSpan(text))
        #expect(span.seconds == seconds && span.interval == .seconds(seconds))
        #expect(TimeSpan("\(span)") == span)
    }

    @Test(arguments: [
        "", "10", "s", "10x", "1h30", "-1s", "1.5h", " 1s", "1 s", "401d", "400d1s", "١s",
        "99999999999999999999s", "9223372036854775807d",
    ])
    func spansWithoutAUnitOrPastAllBoundsAreRefused(text: String) {
        #expect(TimeSpan(text) == nil)
    }

    @Test(arguments: [(59, "59s"), (60, "1m"), (5400, "1h30m"), (90_061, "1d1h1m1s")])
    func spansAreWrittenByTheirLargestUnits(seconds: Int64, text: String) {
        #expect("\(TimeSpan(seconds: seconds))" == text)
    }

    @Test(arguments: [
        ("1B", 1), ("512KiB", 512 << 10), ("100MiB", 100 << 20), ("2 GiB", 2 << 30),
        ("1TiB", 1 << 40), ("0B", 0),
    ])
    func amountsHaveUnitsOfPowersOfTwo(text: String, bytes: Int) throws {
        let count = try #require(ByteCount(text))
        #expect(count.bytes == bytes && ByteCount("\(count)") == count)
    }

    @Test(arguments: ["", "10", "KiB", "1KB", "1kib", "1.5GiB", "-1B", "9223372036854775807KiB"])
    func amountsWithoutAUnitOrPastAllBoundsAreRefused(text: String) {
        #expect(ByteCount(text) == nil)
    }
}
