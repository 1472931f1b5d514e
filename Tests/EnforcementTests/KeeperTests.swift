import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Testing

@testable import Enforcement

@Suite(.needsKernel)
struct KeeperTests {
    private func decided(_ text: String, _ now: Int64, seconds: Int64 = 600) -> QuarantineAction {
        QuarantineAction(
            id: "q-\(text)", kind: .fence, target: target(text), time: now,
            until: now + seconds * second, level: 1, reason: "fan-out", eventID: "e7",
            features: "peers=40")
    }

    @Test func theLedgerComesFirstAndLast() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var keeper = try space.keeper(ledger)
        let now = clockNow()
        #expect(try keeper.reconcile(now: now, cause: "start").isClean)
        let outcomes = try keeper.perform([decided("10.0.0.2", now)], now: now)
        #expect(outcomes.map(\.failure) == [nil])
        let listed = try keeper.list(now: now)
        #expect(listed.count == 1 && listed[0].isInForce && listed[0].row.state == .standing)
        #expect(listed[0].remainingMilliseconds == 600_000)
        let note = try #require(ledger.notes.first)
        #expect(note.action == "fence" && note.detail.contains("event e7; peers=40"))
        #expect(
            throws: QuarantineError.noSuchFence(target("10.0.0.9"))
        ) { try keeper.release(target("10.0.0.9"), reason: "r", now: now, actor: "me") }
        _ = try keeper.release(target("10.0.0.0/24"), reason: "checked", now: now, actor: "me")
        #expect(try keeper.list(now: now).isEmpty)
        #expect(try keeper.actuator.held().isEmpty)
    }

    @Test func whatARailForbidsDoesNotStopTheOthers() throws {
        let space = try Namespace()
        var options = FirewallOptions()
        options.protected.add(prefix("10.0.0.1"), reason: "gateway")
        let ledger = MemoryLedger()
        var keeper = try space.keeper(ledger, options)
        let now = clockNow()
        let outcomes = try keeper.perform(
            [decided("10.0.0.1", now), decided("10.0.0.2", now)], now: now)
        #expect(outcomes[0].failure != nil && outcomes[1].failure == nil)
        #expect(try keeper.list(now: now).map(\.row.target) == [target("10.0.0.2")])
        let forced = try keeper.add(
            target("10.0.0.1"), response: .drop, seconds: 60, reason: "sure", now: now,
            actor: "me", force: true)
        #expect(forced.failure == nil)
        // And it survives a reconciliation.
        #expect(try keeper.reconcile(now: now, cause: "again").isClean)
        #expect(try keeper.actuator.held().count == 2)
    }

    @Test func theLaterEndCounts() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var keeper = try space.keeper(ledger)
        let now = clockNow()
        _ = try keeper.perform([decided("10.0.0.2", now, seconds: 3600)], now: now)
        _ = try keeper.add(
            target("10.0.0.2"), response: .drop, seconds: 60, reason: "r", now: now, actor: "me",
            force: false)
        let listed = try keeper.list(now: now)
        #expect(listed.map(\.remainingMilliseconds) == [3_600_000])
        #expect(try #require(keeper.actuator.held().first?.remainingMilliseconds) > 3_500_000)
    }

    @Test func somebodysFlushIsPutRight() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var keeper = try space.keeper(ledger)
        let now = clockNow()
        _ = try keeper.perform(
            [decided("10.0.0.2", now), decided("10.1.0.0/24", now), decided("fd00::2", now)],
            now: now)
        for damage in ["flush ruleset", "delete table bridge lazaret"] {
            try space.run("nft", damage)
            let report = try keeper.reconcile(now: now, cause: "nft changed the tables")
            #expect(report.wasRebuilt)
            #expect(try keeper.actuator.held().count == 3)
            #expect(try keeper.reconcile(now: now, cause: "again").isClean)
        }
        try space.run("nft", "delete element bridge lazaret drop_host4 { 10.0.0.2 }")
        let report = try keeper.reconcile(now: now, cause: "element gone")
        #expect(report.restored.map(\.target) == [target("10.0.0.2")] && !report.wasRebuilt)
        #expect(try keeper.actuator.held().allSatisfy(\.isComplete))
        #expect(ledger.notes.contains { $0.action == "restore" && $0.subject == "10.0.0.2" })
    }

    @Test func whatTheLedgerDoesNotKnowIsWrittenDownOrRemoved() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var keeper = try space.keeper(ledger)
        let now = clockNow()
        _ = try keeper.perform([decided("10.0.0.2", now)], now: now)
        ledger.forgetRows()
        try space.run("nft", "add element inet lazaret drop_host4 { 10.0.0.66 }")
        let report = try keeper.reconcile(now: now, cause: "start")
        #expect(report.adopted.map(\.target) == [target("10.0.0.2")])
        // No end in the kernel: it cannot be a fence of ours.
        #expect(report.removed == [target("10.0.0.66")])
        #expect(try keeper.actuator.held().map(\.target) == [target("10.0.0.2")])
        #expect(try keeper.reconcile(now: now, cause: "again").isClean)
    }

    @Test func anElementThatOutlastsNanosecondsIsWrittenDown() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var keeper = try space.keeper(ledger)
        let now = clockNow()
        _ = try keeper.perform([decided("10.0.0.2", now)], now: now)
        for table in ["inet", "bridge"] {
            try space.run(
                "nft", "add element \(table) lazaret drop_host4 { 10.0.0.66 timeout 99999d }")
        }
        #expect(try keeper.strangers().map(\.target) == [target("10.0.0.66")])
        let report = try keeper.reconcile(now: now, cause: "start")
        #expect(report.adopted.map(\.until) == [.max])
        #expect(try keeper.strangers().isEmpty)
        #expect(try keeper.reconcile(now: now, cause: "again").isClean)
        #expect(try keeper.list(now: now).allSatisfy(\.isInForce))
        _ = try keeper.release(target("10.0.0.66"), reason: "r", now: now, actor: "me")
        #expect(try keeper.actuator.held().map(\.target) == [target("10.0.0.2")])
    }

    @Test func aDryRunIsToldButNotDone() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var options = FirewallOptions()
        options.isDryRun = true
        var dry = try space.keeper(ledger, options)
        let now = clockNow()
        _ = try dry.perform([decided("10.0.0.2", now)], now: now)
        #expect(try dry.list(now: now).map(\.row.isDryRun) == [true])
        #expect(try space.ruleset() == "")
        #expect(ledger.notes.first?.action == "dry-run fence")
        // Enforcing afterwards does not enforce what was only thought.
        var wet = try space.keeper(ledger)
        _ = try wet.reconcile(now: now, cause: "start")
        #expect(try wet.actuator.held().isEmpty)
    }

    @Test(arguments: 1...18)
    func aCrashAtAnyStepIsMadeGood(step: Int) throws {
        let space = try Namespace()
        let fuse = Fuse()
        let ledger = MemoryLedger(fuse: fuse)
        let now = clockNow()
        var keeper = try space.keeper(ledger)
        _ = try keeper.perform([decided("10.0.0.2", now), decided("10.1.0.0/24", now)], now: now)
        fuse.set(step)
        _ = try? keeper.perform([decided("10.0.0.3", now)], now: now)
        _ = try? keeper.perform([decided("10.0.0.2", now, seconds: 7200)], now: now)
        _ = try? keeper.release(target("10.1.0.0/24"), reason: "r", now: now, actor: "me")
        fuse.set(.max)
        var next = try space.keeper(ledger)
        _ = try next.reconcile(now: now, cause: "start after a crash")
        let rows = next.openRows
        #expect(rows.allSatisfy { $0.state == .standing })
        let expected = next.actuator.expected(rows.map(\.claim), now: now)
        #expect(try next.actuator.held().map(\.target).sorted() == expected.map(\.target).sorted())
        // One write before the crash is enough for the decision to hold.
        #expect(rows.contains { $0.target == target("10.0.0.3") } == (step >= 2))
        #expect(rows.contains { $0.target == target("10.1.0.0/24") } == (step < 14))
        #expect(try next.reconcile(now: now, cause: "again").isClean)
    }

    /// Each with each would be 400 million comparisons, and minutes.
    @Test(.timeLimit(.minutes(20)))
    func manyRowsAreComparedWithManyElements() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        let now = clockNow()
        let rows = (0..<20_000 as Range<UInt32>).map { index in
            FenceRow(
                id: "q\(index)",
                target: .prefix(
                    index % 20 == 0
                        ? IPPrefix(IPAddress(v4: 0x0C00_0000 + index << 1), length: 31)
                        : IPPrefix(host: IPAddress(v4: 0x0B00_0000 + index))),
                state: .standing, created: now, until: now + 600 * second, reason: "r",
                actor: "policy")
        }
        try ledger.write(rows, [])
        var keeper = try space.keeper(ledger)
        #expect(try keeper.reconcile(now: clockNow(), cause: "start").restored.count == 20_000)
        // Time goes on meanwhile, in the kernel too.
        #expect(try keeper.reconcile(now: clockNow(), cause: "again").isClean)
        #expect(try keeper.list(now: clockNow()).count(where: \.isInForce) == 20_000)
        // Nothing is known any more but what the kernel holds.
        ledger.forgetRows()
        #expect(try keeper.reconcile(now: now, cause: "start").adopted.count == 20_000)
        let flushed = try keeper.flush(reason: "r", now: now, actor: "me")
        #expect(flushed.count == 20_000 && flushed.allSatisfy { $0.failure == nil })
        #expect(try keeper.actuator.held().isEmpty)
    }

    @Test func endsMoveWithTheClockAlsoWhileTheLedgerIsOutOfReach() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var keeper = try space.keeper(ledger)
        keeper.mayOweLedger = true
        let (now, hour) = (clockNow(), 3600 * second)
        _ = try keeper.perform([decided("10.0.0.2", now)], now: now)
        ledger.isShut = true
        try keeper.clockStepped(by: hour, now: now + hour, actor: "me")
        #expect(keeper.openRows.map(\.until) == [now + hour + 600 * second])
        #expect(keeper.arrears.cause != nil)
        ledger.isShut = false
        // By the clock of before, its time would be over.
        keeper.catchUp(now: now + hour + 60 * second)
        #expect(try keeper.sweep(now: now + hour + 60 * second).isEmpty)
        #expect(try ledger.openRows().map(\.until) == [now + hour + 600 * second])
        #expect(keeper.arrears.isEmpty)
    }

    @Test func whatRunsOutOfTimeIsSwept() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var keeper = try space.keeper(ledger)
        let now = clockNow()
        _ = try keeper.perform([decided("10.0.0.2", now, seconds: 60)], now: now)
        #expect(try keeper.sweep(now: now + 59 * second).isEmpty)
        #expect(try keeper.sweep(now: now + 60 * second).map(\.ending) == ["time over"])
        #expect(keeper.openRows.isEmpty && ledger.notes.last?.action == "expire")
    }
}
