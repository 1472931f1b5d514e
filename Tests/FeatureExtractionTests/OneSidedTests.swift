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

    @Test func flowsWaitForFourSeconds() {
        var awaited = AwaitedAnswers()
        #expect(awaited.waiting(40, at: 100) == 40)
        awaited.endSecond(100, pending: 40)
        #expect(awaited.waiting(0, at: 101) == 40)
        awaited.noteAnswer(Self.time(5))
        awaited.noteAnswer(Self.time(-900))
        awaited.endSecond(101, pending: 7)
        #expect(awaited.waiting(2, at: 102) == 48)
        #expect(awaited.waiting(0, at: 103) == 46)
        #expect(awaited.waiting(0, at: 104) == 7)
        #expect(awaited.waiting(0, at: 105) == 0)
    }

    /// A second takes the place of the one four seconds before, whose flows wait no longer.
    @Test func anOlderSecondIsOver() {
        var awaited = AwaitedAnswers()
        awaited.endSecond(100, pending: 40)
        awaited.endSecond(104, pending: 3)
        awaited.noteAnswer(Self.time(5))
        #expect(awaited.waiting(0, at: 104) == 0)
        #expect(awaited.waiting(0, at: 105) == 3)
    }
}
