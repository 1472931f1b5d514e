import Enforcement
import TestKit
import Testing

/// The lock of a network namespace.
@Suite(.needsKernel)
struct EnforcerLockTests {
    private func outcome(in space: Namespace) throws -> (EnforcerLock, EnforcerLock.Outcome) {
        let lock = try space.inside { try EnforcerLock() }
        return (lock, lock.outcome)
    }

    @Test func oneHoldsItUntilItIsGivenUp() throws {
        let (here, there) = (try Namespace(), try Namespace())
        let (first, got) = try outcome(in: here)
        #expect(got == .taken)
        for _ in 0..<3 {
            let (second, refused) = try outcome(in: here)
            #expect(refused == .held)
            second.release()
        }
        let (other, elsewhere) = try outcome(in: there)
        #expect(elsewhere == .taken)
        first.release()
        // A program that another test is just starting may have the socket for a moment.
        let isFree = try eventually {
            let (third, again) = try outcome(in: here)
            third.release()
            return again == .taken
        }
        #expect(isFree)
        other.release()
        let isGone = try eventually {
            try !here.run("nft", "list", "tables").contains("lazaret")
        }
        #expect(isGone)
    }

    /// Other programs' rules and the lock do not affect each other; flushing all rules keeps the
    /// lock.
    @Test func rulesOfOthersAreNotItsConcern() throws {
        let space = try Namespace()
        try space.run("nft", "add", "table", "inet", "theirs")
        let (lock, got) = try outcome(in: space)
        #expect(got == .taken)
        #expect(try space.run("nft", "list", "tables").contains("theirs"))
        try space.run("nft", "flush", "ruleset")
        let (second, refused) = try outcome(in: space)
        #expect(refused == .held)
        second.release()
        lock.release()
    }
}
