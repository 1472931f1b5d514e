import Foundation
import Synchronization
import Testing
import Timestamps

@testable import ControlServer
@testable import HTTPServer

struct TokenGuessTests {
    private let lines = Lines()
    private let start = Clock.monotonic()

    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
        let counts = Mutex(TokenGuesses.Counts())
    }

    private func guesses() -> TokenGuesses {
        TokenGuesses(
            log: { [lines] line in lines.all.withLock { $0.append(line) } },
            report: { [lines] counts in lines.counts.withLock { $0 = counts } })
    }

    /// The result for a token: right, wrong, or refused for a number of seconds.
    private func outcome(
        _ guesses: TokenGuesses, _ token: String?, _ user: UInt32?, at seconds: Int64 = 0
    ) -> String {
        do throws(ProblemDetails) {
            let isRight = try guesses.admit(token, from: user, now: start + .seconds(seconds)) {
                $0 == "right"
            }
            return isRight ? "right" : "wrong"
        } catch {
            return "\(error.status.code) \(error.headers["Retry-After"] ?? "")"
        }
    }

    @Test func aUserHasTenGuessesAMinute() {
        let guesses = guesses()
        for number in 0..<10 { #expect(outcome(guesses, "x\(number)", 4001) == "wrong") }
        #expect(outcome(guesses, "x", 4001, at: 10) == "429 51")
        #expect(outcome(guesses, "right", 4001, at: 59) == "429 2")
        #expect(outcome(guesses, nil, 4001) == "wrong")
        #expect(outcome(guesses, "right", 4002) == "right")
        // The next minute is another one.
        #expect(outcome(guesses, "right", 4001, at: 60) == "right")
        #expect(lines.all.withLock { $0.count } == 1)
        #expect(lines.counts.withLock { $0 } == .init(wrong: 10, refused: 2))
    }

    @Test func theSameWrongTokenIsOneGuess() {
        let guesses = guesses()
        for _ in 0..<1000 { #expect(outcome(guesses, "old", 4001) == "wrong") }
        #expect(outcome(guesses, "right", 4001) == "right")
    }

    @Test func whoHasTheTokenIsNotLockedOut() {
        let guesses = guesses()
        #expect(outcome(guesses, "right", 4001) == "right")
        for user: UInt32 in [4001, 0, geteuid()] {
            for number in 0..<50 { #expect(outcome(guesses, "x\(number)", user) == "wrong") }
            #expect(outcome(guesses, "right", user) == "right")
        }
        #expect(lines.all.withLock { $0.isEmpty })
    }

    @Test func allTogetherHaveAHundred() {
        let guesses = guesses()
        #expect(outcome(guesses, "right", 3999) == "right")
        for user: UInt32 in 4000..<4020 {
            for number in 0..<5 { #expect(outcome(guesses, "\(user)\(number)", user) == "wrong") }
        }
        #expect(outcome(guesses, "x", 5000) == "429 61" && outcome(guesses, "x", 5001) == "429 61")
        #expect(
            outcome(guesses, "right", 3999) == "right" && outcome(guesses, "right", 0) == "right")
        // One line for all of them.
        #expect(lines.all.withLock { $0.count } == 1)
    }

    @Test func whomTheKernelDoesNotNameGetsInByTheRightToken() {
        let guesses = guesses()
        for number in 0..<10 { #expect(outcome(guesses, "x\(number)", nil) == "wrong") }
        #expect(outcome(guesses, "x", nil) == "429 61")
        #expect(outcome(guesses, "right", nil) == "right")
    }
}
