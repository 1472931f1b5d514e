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
        let (third, again) = try outcome(in: here)
        #expect(again == .taken)
        third.release()
        other.release()
        #expect(try !here.run("nft", "list", "tables").contains("lazaret"))
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
