import AnomalyDetection
import AttackPatterns
import Events
import FeatureExtraction
import NetworkAddresses
import Synchronization
import TestKit
import Testing
import Timestamps

@testable import Monitor

struct EventRingTests {
    private func event(_ number: Int, bytes: Int = 1) -> RenderedEvent {
        RenderedEvent(
            Event(
                time: .epoch,
                .alert(
                    Event.Alert(
                        identifier: "\(number)", looksLike: .beacon, severity: .low,
                        offender: IPAddress(v4: 1),
                        workload: String(repeating: "w", count: bytes), scale: .short, score: 1))))
    }

    /// The number of an event, or the count of missed events and the last of them.
    private func text(_ item: MonitorHub.Followed?) -> String {
        switch item {
        case .event(let number, _): "\(number)"
        case .missed(let count, let last): "\(count) missed to \(last)"
        case nil: "none"
        }
    }

    @Test func theLatestAreKeptAndWhoIsTooSlowIsToldHowManyAreGone() {
        var ring = EventRing()
        #expect(text(ring.item(after: 0)) == "none")
        for number in 1...EventRing.countLimit { ring.append(event(number)) }
        #expect(text(ring.item(after: 0)) == "1")
        #expect(text(ring.item(after: 2047)) == "2048" && text(ring.item(after: 2048)) == "none")
        ring.append(event(2049))
        #expect(text(ring.item(after: 0)) == "1 missed to 1" && text(ring.item(after: 1)) == "2")
        for number in 2050...7000 { ring.append(event(number)) }
        #expect(text(ring.item(after: 3)) == "\(7000 - 2048 - 3) missed to \(7000 - 2048)")
        #expect(text(ring.item(after: 7000 - 2048)) == "\(7000 - 2047)")
        #expect(text(ring.item(after: 6999)) == "7000" && text(ring.item(after: 9999)) == "none")
    }

    @Test func itIsBoundedInBytesToo() {
        var ring = EventRing()
        for number in 1...20 { ring.append(event(number, bytes: 1 << 20)) }
        // Seven lines of a little more than a MiB fit into eight.
        #expect(text(ring.item(after: 0)) == "13 missed to 13")
        ring.append(event(21, bytes: 20 << 20))
        #expect(text(ring.item(after: 0)) == "20 missed to 20")
        #expect(text(ring.item(after: 20)) == "21")
        ring.append(event(22))
        #expect(
            text(ring.item(after: 20)) == "1 missed to 21" && text(ring.item(after: 21)) == "22")
    }

    @Test func aSlowFollowerMissesWhatAFastOneGets() async {
        let hub = MonitorHub()
        hub.publish(event(0))
        var (slow, fast) = (
            hub.follow(after: nil).makeAsyncIterator(),
            hub.follow(after: 1).makeAsyncIterator()
        )
        for number in 1...3000 {
            hub.publish(event(number))
            #expect(text(await fast.next()) == "\(number + 1)")
        }
        #expect(text(await slow.next()) == "952 missed to 953")
        #expect(text(await slow.next()) == "954")
        // A number of an earlier run: the stream begins with the oldest event in the ring.
        var old = hub.follow(after: 90_000).makeAsyncIterator()
        #expect(text(await old.next()) == "953 missed to 953")
    }

    @Test func whoWaitsIsWokenByAnEventByTheEndAndWhenCancelled() async {
        let hub = MonitorHub()
        func waiting() -> Task<String, Never> {
            Task {
                var follower = hub.follow(after: 0).makeAsyncIterator()
                return text(await follower.next())
            }
        }
        func isWaiting(_ count: Int) async -> Bool {
            await eventually { hub.stream.withLock { $0.waiting.count == count } }
        }
        let cancelled = waiting()
        #expect(await isWaiting(1))
        cancelled.cancel()
        #expect(await cancelled.value == "none")
        #expect(await isWaiting(0))
        let (first, second) = (waiting(), waiting())
        #expect(await isWaiting(2))
        hub.publish(event(1))
        #expect(await first.value == "1")
        #expect(await second.value == "1")
        let last = Task {
            var follower = hub.follow(after: nil).makeAsyncIterator()
            return text(await follower.next())
        }
        #expect(await isWaiting(1))
        hub.close()
        #expect(await last.value == "none")
        var late = hub.follow(after: nil).makeAsyncIterator()
        #expect(text(await late.next()) == "none")
    }
}
