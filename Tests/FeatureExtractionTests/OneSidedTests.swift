import Testing
import Timestamps

@testable import FeatureExtraction

struct OneSidedWindowTests {
    /// The stretches that datagrams at a constant rate complete.
    private func stretches(
        _ count: Int, every milliseconds: UInt32
    ) -> [(start: UInt32, isFirst: Bool)] {
        var progress = FlowProgress()
        return (0..<UInt32(count)).compactMap { progress.step(at: $0 * milliseconds) }
    }

    @Test func aStreamIsCountedInStretches() {
        let sound = stretches(100, every: 20)
        #expect(sound.map(\.start) == [0, 620, 1260])
        #expect(sound.map(\.isFirst) == [true, false, false])
        #expect(stretches(31, every: 20).isEmpty)
    }

    @Test func aFasterFlowIsNone() {
        #expect(stretches(10_000, every: 1).isEmpty)
    }

    /// A burst at its start does not keep a stream from being one.
    @Test func aStreamMayBeginWithABurst() {
        var progress = FlowProgress()
        for _ in 0..<40 { #expect(progress.step(at: 0) == nil) }
        let later = (1...64).compactMap { progress.step(at: 20 * $0) }
        #expect(later.map(\.isFirst) == [true, false])
    }

    @Test func whatIsOverStaysSo() {
        var progress = FlowProgress()
        #expect(!progress.isOver)
        progress.finish()
        #expect(progress.isOver)
    }

    /// What began counts once, and what goes on again in each second.
    @Test func novelContactsCountApart() {
        var window = OneSidedWindow()
        #expect(window.contacts(.short, at: 100).streams == 0)
        window.note(.streams, 7, second: 100, isNovel: true)
        window.note(.streams, 7, second: 100)
        window.note(.streams, 8, second: 105)
        var contacts = window.contacts(.short, at: 105)
        #expect(contacts.streams == 1 && contacts.stretches == 2)
        contacts = window.contacts(.short, at: 112)
        #expect(contacts.streams == 0 && contacts.stretches == 1)
    }

    /// Each connection over IPv4 takes one try, of the same station, soon after it.
    @Test func aTryIsReplacedOnce() {
        var fallbacks = FamilyFallbacks()
        #expect(fallbacks.take(1, second: 10) == nil)
        fallbacks.note(1, 77, second: 10)
        #expect(fallbacks.take(2, second: 10) == nil)
        #expect(fallbacks.take(1, second: 11) == 77)
        #expect(fallbacks.take(1, second: 11) == nil)
        fallbacks.note(1, 77, second: 12)
        #expect(fallbacks.take(1, second: 16) == nil)
    }
}

struct OpeningBurstsTests {
    private static func time(_ milliseconds: Int) -> Timestamp {
        Timestamp(second: 100) + .milliseconds(milliseconds)
    }

    /// Flows at constant intervals, all without an answer.
    private static func bursts(
        _ count: Int, every milliseconds: Int, isFar: Bool = false
    ) -> OpeningBursts {
        var bursts = OpeningBursts()
        for number in 0..<count { bursts.note(time(number * milliseconds), isFar: isFar) }
        return bursts
    }

    @Test func aBurstWaitsForTwoSeconds() {
        var bursts = Self.bursts(40, every: 1)
        #expect(bursts.waiting(40, at: 100) == 40)
        bursts.endSecond(100, pending: 40)
        #expect(bursts.waiting(0, at: 101) == 40)
        bursts.noteAnswer(Self.time(5), in: 101)
        bursts.noteAnswer(Self.time(-900), in: 101)
        #expect(bursts.waiting(0, at: 101) == 39)
        bursts.endSecond(101, pending: 0)
        #expect(bursts.waiting(0, at: 102) == 0)
    }

    /// Answers from outside may be late however the questions are spread.
    @Test func whatGoesOutsideWaits() {
        #expect(Self.bursts(9, every: 100, isFar: true).waiting(9, at: 100) == 9)
        #expect(Self.bursts(9, every: 100).waiting(9, at: 100) == 0)
    }

    /// The second after it may have had no end of its own.
    @Test func anOlderSecondIsOver() {
        var bursts = Self.bursts(40, every: 1)
        bursts.endSecond(100, pending: 40)
        #expect(bursts.waiting(0, at: 102) == 0)
    }

    /// Nine in a tenth of a second are none, nor is what is answered.
    @Test func otherFlowsAreNone() {
        #expect(Self.bursts(90, every: 12).waiting(90, at: 100) == 0)
        #expect(Self.bursts(90, every: 11).waiting(90, at: 100) > 80)
        #expect(Self.bursts(40, every: 1).waiting(3, at: 100) == 3)
    }
}
