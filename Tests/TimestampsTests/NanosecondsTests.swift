import Testing
import Timestamps

struct NanosecondsTests {
    @Test func whatCannotBeToldIsTheNearestThatCan() {
        let second: Int64 = 1_000_000_000
        #expect(Int64(9_223_372_036).multipliedClamping(by: second) == 9_223_372_036_000_000_000)
        #expect(Int64(9_223_372_037).multipliedClamping(by: second) == .max)
        #expect(Int64(-9_223_372_037).multipliedClamping(by: second) == .min)
        #expect(Int64.min.multipliedClamping(by: -1) == .max)
        #expect(Int64.max.addingClamping(1) == .max && Int64.min.addingClamping(-1) == .min)
        #expect(Int64.max.addingClamping(-1) == .max - 1)
        #expect(Int64(clampingSeconds: 2) == 2 * second)
        #expect(Int64(clampingSeconds: .infinity) == .max)
        #expect(Int64(clampingSeconds: -1e300) == .min && Int64(clampingSeconds: .nan) == 0)
    }
}
