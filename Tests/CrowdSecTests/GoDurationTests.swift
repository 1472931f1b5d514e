import CrowdSec
import Testing
import Timestamps

struct GoDurationTests {
    @Test(arguments: [
        ("59m58.761358646s", 3598.761358646), ("-36.429318ms", -0.036429318), ("1h30m", 5400),
        ("1.5h", 5400), ("87600h0m0s", 315_360_000), ("0", 0), ("0s", 0), ("100µs", 0.0001),
        ("-1h2m3s", -3723),
    ])
    func spansOfGoAreRead(text: String, seconds: Double) throws {
        let span = try #require(GoDuration.parse(text))
        #expect(abs(span.inSeconds - seconds) < 1e-6)
    }

    @Test(arguments: ["", "-", "1d", "600", "h", "1h2", "1..5s", "s1", "1e9h", "nan", "infs", "９s"])
    func otherTextIsNone(text: String) {
        #expect(GoDuration.parse(text) == nil)
    }

    @Test func aHugeNumberDoesNotTrap() {
        #expect(GoDuration.parse(String(repeating: "9", count: 400) + "h") == nil)
    }
}
