import Testing
import Timestamps

@testable import SystemSupport

/// Steps of the system clock.
struct ClockStepDetectorTests {
    @Test func aClockThatIsSetIsNoticedOnceAndBothWays() throws {
        var detector = ClockStepDetector(now: Clock.now())
        #expect(detector.step(to: Clock.now()) == nil)
        let ahead = Interval.seconds(3600)
        let forward = detector.step(to: Clock.now() + ahead)
        #expect((try #require(forward) - ahead).magnitude < .seconds(2))
        #expect(detector.step(to: Clock.now() + ahead) == nil)
        let back = detector.step(to: Clock.now())
        #expect((try #require(back) + ahead).magnitude < .seconds(2))
        #expect(ClockStepDetector.text(.seconds(-90)) == "the clock was set back by 1m30s")
        #expect(ClockStepDetector.text(.seconds(5)) == "the clock was set forward by 5s")
    }

    @Test func aClockThatIsSlewedIsFollowed() {
        var detector = ClockStepDetector(now: Clock.now())
        for number in 1...100 {
            #expect(detector.step(to: Clock.now() + .milliseconds(100 * number)) == nil)
        }
    }
}
