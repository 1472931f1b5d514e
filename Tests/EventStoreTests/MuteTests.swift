import EventStore
import Testing
import Timestamps

/// Mutes by the time of day.
struct MuteTests {
    private let now = Timestamp(second: 1_795_223_700)

    private func mute(created: Interval, until: Interval) -> Mute {
        Mute(
            workload: "web", pattern: nil, until: now + until, reason: "", actor: "alice",
            created: now + created)
    }

    /// A mute that was added while the clock was ahead would hold for as long as it was wrong.
    @Test func aMuteOfTheFutureDoesNotHold() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        for (created, until, holds) in [
            (-60, 3600, true), (30, 3600, true), (86_400, 90_000, false), (-60, 0, false),
        ] {
            let mute = mute(created: .seconds(created), until: .seconds(until))
            #expect(mute.isActive(at: now) == holds, "\(created) \(until)")
            _ = try store.add(mute)
        }
        #expect(try store.mutes(at: now).count == 2)
    }
}
