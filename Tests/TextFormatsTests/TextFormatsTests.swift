import Testing

@testable import TextFormats
import Timestamps

struct TextFormatsTests {
    @Test func significantDigitsAreAllThatIsWritten() {
        for (value, digits, text) in [
            (1.499_999_9e-132, 2, "1.5e-132"), (4.699_999e-97, 2, "4.7e-97"), (0.0123, 1, "0.01"),
            (-0.79514, 4, "-0.7951"), (1016.26, 3, "1020"), (1, 2, "1"), (0, 2, "0"),
            (.infinity, 2, "null"),
        ] as [(Double, Int, String)] {
            #expect(JSONObject.number(value, significant: digits) == text)
        }
    }

    @Test(arguments: [
        (0 as Int64, "1970-01-01T00:00:00.000000+0000"),
        (1_709_210_096_123_456_789, "2024-02-29T12:34:56.123456+0000"),
        (-1, "1969-12-31T23:59:59.999999+0000"),
        (4_102_444_800_000_000_000, "2100-01-01T00:00:00.000000+0000"),
    ])
    func timesAreUTC(nanoseconds: Int64, text: String) {
        #expect(UTC.timestamp(Timestamp(nanoseconds: nanoseconds)) == text)
    }

    /// A damaged file can contain any number.
    @Test func momentsOfAnySecondHaveAText() {
        #expect(UTC.clock(-1) == "23:59:59" && UTC.clock(-86_400) == "00:00:00")
        for second in [Int64.min, .min + 1, .max - 1, .max] {
            #expect(UTC.moment(second).hasSuffix(" UTC"))
            #expect(UTC.span(second, 0).hasSuffix("00:00:00 UTC"))
        }
    }

    @Test func jsonIsEscapedAndKeepsItsOrder() {
        var object = JSONObject()
        object.put("b", "a \"quoted\"\\ line\n\u{1}é")
        object.put("a", 1.23456, digits: 2)
        object.put("whole", 3.0)
        object.put("tiny", 1e-12)
        object.put("none", Double.nan)
        object.put("missing", nil as String?)
        object.put("list", ["x", "y"])
        #expect(
            object.text
                == #"""
                {"b":"a \"quoted\"\\ line\n\u0001é","a":1.23,"whole":3,"tiny":1e-12,\#
                "none":null,"list":["x","y"]}
                """#
        )
    }
}
