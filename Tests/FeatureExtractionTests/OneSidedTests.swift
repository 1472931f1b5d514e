import Testing
import Timestamps

@testable import FeatureExtraction

struct OneSidedWindowTests {
    /// The stretches that datagrams at a constant rate complete.
    private func stretches(
        _ count: Int, every milliseconds: UInt32, isUsual: Bool = false
    ) -> [(isSlow: Bool, isFirst: Bool)] {
        var progress = FlowProgress(isUsual: isUsual)
        let found = (0..<UInt32(count)).compactMap { progress.step(at: $0 * milliseconds) }
        #expect(progress.isUsual == isUsual && !progress.isOver)
        return found
    }

    @Test(arguments: [true, false]) func aStreamIsCountedInStretches(isUsual: Bool) {
        let sound = stretches(100, every: 20, isUsual: isUsual)
        #expect(sound.map(\.isSlow) == [true, true, true])
        #expect(sound.map(\.isFirst) == [true, false, false])
        #expect(stretches(31, every: 20, isUsual: isUsual).isEmpty)
    }

    @Test func aFasterFlowHasFastStretches() {
        let fast = stretches(320, every: 1)
        #expect(fast.count == 10 && !fast.contains { $0.isSlow || $0.isFirst })
    }

    /// A burst at its start does not keep a stream from being a slow one.
    @Test func aStreamMayBeginWithABurst() {
        var progress = FlowProgress()
        let burst = (0..<40).compactMap { _ in progress.step(at: 0) }
        #expect(burst.map(\.isSlow) == [false])
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
        #expect(fallbacks.take(1, second: 17) == nil)
    }
}

struct AwaitedAnswersTests {
    private static func time(_ milliseconds: Int) -> Timestamp {
        Timestamp(second: 100) + .milliseconds(milliseconds)
    }

    /// Flows at constant intervals, all without an answer.
    private static func awaited(
        _ count: Int, every milliseconds: Int, isFar: Bool = false
    ) -> AwaitedAnswers {
        var awaited = AwaitedAnswers()
        for number in 0..<count { awaited.note(time(number * milliseconds), isFar: isFar) }
        return awaited
    }

    @Test func aBurstWaitsForFourSeconds() {
        var awaited = Self.awaited(40, every: 1)
        #expect(awaited.waiting(40, at: 100) == 40)
        awaited.endSecond(100, pending: 40)
        #expect(awaited.waiting(0, at: 101) == 40)
        awaited.noteAnswer(Self.time(5))
        awaited.noteAnswer(Self.time(-900))
        for _ in 0..<7 { awaited.note(Self.time(1000), isFar: true) }
        awaited.endSecond(101, pending: 7)
        // Of two flows inside, none is a burst.
        #expect(awaited.waiting(2, at: 102) == 46)
        #expect(awaited.waiting(0, at: 103) == 46)
        #expect(awaited.waiting(0, at: 104) == 7)
        #expect(awaited.waiting(0, at: 105) == 0)
    }

    /// Answers from outside may be late however the questions are spread.
    @Test func whatGoesOutsideWaits() {
        #expect(Self.awaited(9, every: 100, isFar: true).waiting(9, at: 100) == 9)
        #expect(Self.awaited(9, every: 100).waiting(9, at: 100) == 0)
    }

    /// Nine in a tenth of a second are none, nor is what is answered.
    @Test func otherFlowsAreNone() {
        #expect(Self.awaited(90, every: 12).waiting(90, at: 100) == 0)
        #expect(Self.awaited(90, every: 11).waiting(90, at: 100) > 80)
        #expect(Self.awaited(40, every: 1).waiting(3, at: 100) == 3)
    }

    /// A second takes the place of the one four seconds before, whose flows wait no longer.
    @Test func anOlderSecondIsOver() {
        var awaited = Self.awaited(40, every: 1)
        awaited.endSecond(100, pending: 40)
        for number in 0..<3 { awaited.note(Self.time(4000 + number), isFar: true) }
        awaited.endSecond(104, pending: 3)
        awaited.noteAnswer(Self.time(5))
        #expect(awaited.waiting(0, at: 104) == 0)
        #expect(awaited.waiting(0, at: 105) == 3)
    }

    /// A host that sends nothing more is looked at until its answers are overdue.
    @Test func manyAreLookedAt() {
        var awaited = Self.awaited(10, every: 1)
        awaited.endSecond(100, pending: 10)
        #expect(
            (101...106).map { awaited.areMany(at: $0) } == [true, true, true, true, false, false])
        var few = Self.awaited(9, every: 1, isFar: true)
        few.endSecond(100, pending: 9)
        #expect(!few.areMany(at: 101))
    }
}
