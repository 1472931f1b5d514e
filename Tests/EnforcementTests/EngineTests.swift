import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Testing

@testable import Enforcement
import Timestamps

@Suite(.needsKernel)
struct EngineTests {
    func decided(_ text: String, _ now: Timestamp, seconds: Int64 = 600)
        -> QuarantineDecision
    {
        QuarantineDecision(
            .add,
            QuarantineRule(
                id: "q-\(text)", target: target(text), created: now,
                expires: now + .seconds(seconds), level: 1, reason: "fan-out", eventID: "e7",
                features: "peers=40"), time: now)
    }

    @Test func theLedgerIsWrittenBeforeAndAfterTheKernel() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var engine = try space.engine(ledger)
        let now = Clock.now()
        #expect(try engine.reconcile(now: now, cause: "start").isClean)
        let outcomes = try engine.perform([decided("10.0.0.2", now)], now: now)
        #expect(outcomes.map(\.failure) == [nil])
        let listed = try engine.list(now: now).rules
        #expect(listed.count == 1 && listed[0].isInForce && listed[0].rule.state == .active)
        #expect(listed[0].remaining == .seconds(600))
        let note = try #require(ledger.entries.first)
        #expect(note.action == "fence" && note.detail.contains("event e7; peers=40"))
        #expect(
            throws: QuarantineError.noSuchFence(target("10.0.0.9"))
        ) { try engine.release(target("10.0.0.9"), reason: "r", now: now, actor: "me") }
        _ = try engine.release(target("10.0.0.0/24"), reason: "checked", now: now, actor: "me")
        #expect(try engine.list(now: now).rules.isEmpty)
        #expect(try engine.actuator.elements().isEmpty)
    }

    @Test func aRefusedTargetDoesNotStopTheOthers() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var engine = try space.engine(ledger)
        engine.policy.protected.add(prefix("10.0.0.1"), reason: "gateway")
        let now = Clock.now()
        let outcomes = try engine.perform(
            [decided("10.0.0.1", now), decided("10.0.0.2", now)], now: now)
        #expect(outcomes[0].failure != nil && outcomes[1].failure == nil)
        #expect(try engine.list(now: now).rules.map(\.rule.target) == [target("10.0.0.2")])
        let forced = try engine.add(
            target("10.0.0.1"), action: .drop, duration: .seconds(60), reason: "sure", now: now,
            actor: "me", force: true)
        #expect(forced.failure == nil)
        // It survives a reconciliation.
        #expect(try engine.reconcile(now: now, cause: "again").isClean)
        #expect(try engine.actuator.elements().count == 2)
    }

    @Test func whatNobodyMayFenceIsRefusedAndEndsWhereTheLedgerHasIt() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var engine = try space.engine(ledger)
        let now = Clock.now()
        #expect(
            throws: QuarantineError.neverFenced(
                target("0.0.0.0/0"), why: "it covers 127.0.0.0/8, loopback")
        ) {
            try engine.add(
                target("0.0.0.0/0"), action: .drop, duration: .seconds(60), reason: "sure",
                now: now, actor: "me", force: true)
        }
        #expect(ledger.entries.isEmpty)
        // A ledger of an earlier version has one.
        let old = QuarantineRule(
            id: "h1", target: target("0.0.0.0/0"), state: .active, created: now,
            expires: now + .seconds(600), origin: "me", isForced: true)
        try ledger.write([old, decided("10.0.0.2", now).rule], [], notes: [:])
        let report = try engine.reconcile(now: now, cause: "start")
        #expect(report.ended.map(\.target) == [target("0.0.0.0/0")])
        #expect(try engine.actuator.elements().map(\.target) == [target("10.0.0.2")])
    }

    @Test func theLaterEndCounts() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var engine = try space.engine(ledger)
        let now = Clock.now()
        _ = try engine.perform([decided("10.0.0.2", now, seconds: 3600)], now: now)
        _ = try engine.add(
            target("10.0.0.2"), action: .drop, duration: .seconds(60), reason: "r", now: now,
            actor: "me",
            force: false)
        let listed = try engine.list(now: now).rules
        #expect(listed.map(\.remaining) == [.seconds(3600)])
        #expect(try #require(engine.actuator.elements().first?.remaining) > .seconds(3500))
    }

    @Test func aFlushByAnotherProgramIsRepaired() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var engine = try space.engine(ledger)
        let now = Clock.now()
        _ = try engine.perform(
            [decided("10.0.0.2", now), decided("10.1.0.0/24", now), decided("fd00::2", now)],
            now: now)
        for damage in ["flush ruleset", "delete table bridge lazaret"] {
            try space.run("nft", damage)
            let report = try engine.reconcile(now: now, cause: "nft changed the tables")
            #expect(report.wasRebuilt)
            #expect(try engine.actuator.elements().count == 3)
            #expect(try engine.reconcile(now: now, cause: "again").isClean)
        }
        try space.run("nft", "delete element bridge lazaret drop_host4 { 10.0.0.2 }")
        let report = try engine.reconcile(now: now, cause: "element gone")
        #expect(report.restored.map(\.target) == [target("10.0.0.2")] && !report.wasRebuilt)
        #expect(try engine.actuator.elements().allSatisfy(\.isComplete))
        #expect(ledger.entries.contains { $0.action == "restore" && $0.subject == "10.0.0.2" })
    }

    @Test func unknownElementsAreRecordedOrRemoved() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var engine = try space.engine(ledger)
        let now = Clock.now()
        _ = try engine.perform([decided("10.0.0.2", now)], now: now)
        ledger.forgetRules()
        try space.run("nft", "add element inet lazaret drop_host4 { 10.0.0.66 }")
        let report = try engine.reconcile(now: now, cause: "start")
        #expect(report.adopted.map(\.target) == [target("10.0.0.2")])
        // Without an expiry in the kernel, it cannot be one of our fences.
        #expect(report.removed == [target("10.0.0.66")])
        #expect(try engine.actuator.elements().map(\.target) == [target("10.0.0.2")])
        #expect(try engine.reconcile(now: now, cause: "again").isClean)
    }

    @Test func anElementWithAnExtremeExpiryIsAdopted() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var engine = try space.engine(ledger)
        let now = Clock.now()
        _ = try engine.perform([decided("10.0.0.2", now)], now: now)
        for table in ["inet", "bridge"] {
            try space.run(
                "nft", "add element \(table) lazaret drop_host4 { 10.0.0.66 timeout 99999d }")
        }
        #expect(try engine.list(now: now).unknown.map(\.target) == [target("10.0.0.66")])
        let report = try engine.reconcile(now: now, cause: "start")
        #expect(report.adopted.map(\.expires) == [.distantFuture])
        #expect(try engine.list(now: now).unknown.isEmpty)
        #expect(try engine.reconcile(now: now, cause: "again").isClean)
        #expect(try engine.list(now: now).rules.allSatisfy(\.isInForce))
        _ = try engine.release(target("10.0.0.66"), reason: "r", now: now, actor: "me")
        #expect(try engine.actuator.elements().map(\.target) == [target("10.0.0.2")])
    }

    @Test func aDryRunIsReportedButNotApplied() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var options = FirewallOptions()
        options.isDryRun = true
        var dry = try space.engine(ledger, options)
        let now = Clock.now()
        _ = try dry.perform([decided("10.0.0.2", now)], now: now)
        #expect(try dry.list(now: now).rules.map(\.rule.isDryRun) == [true])
        #expect(try space.ruleset() == "")
        #expect(ledger.entries.first?.action == "dry-run fence")
        // Enforcing later does not apply rules of the dry run.
        var wet = try space.engine(ledger)
        _ = try wet.reconcile(now: now, cause: "start")
        #expect(try wet.actuator.elements().isEmpty)
    }

    @Test(arguments: 1...18)
    func aCrashAtAnyStepIsRecoveredFrom(step: Int) throws {
        let space = try Namespace()
        let fuse = Fuse()
        let ledger = MemoryLedger(fuse: fuse)
        let now = Clock.now()
        var engine = try space.engine(ledger)
        _ = try engine.perform([decided("10.0.0.2", now), decided("10.1.0.0/24", now)], now: now)
        fuse.set(step)
        _ = try? engine.perform([decided("10.0.0.3", now)], now: now)
        _ = try? engine.perform([decided("10.0.0.2", now, seconds: 7200)], now: now)
        _ = try? engine.release(target("10.1.0.0/24"), reason: "r", now: now, actor: "me")
        fuse.set(.max)
        var next = try space.engine(ledger)
        _ = try next.reconcile(now: now, cause: "start after a crash")
        let rules = next.rules.sorted
        #expect(rules.allSatisfy { $0.state == .active })
        let expected = next.actuator.expected(rules, now: now)
        #expect(try next.actuator.elements().map(\.key) == expected.keys.sorted())
        // One write before the crash is enough for the decision to be applied.
        #expect(rules.contains { $0.target == target("10.0.0.3") } == (step >= 2))
        #expect(rules.contains { $0.target == target("10.1.0.0/24") } == (step < 14))
        #expect(try next.reconcile(now: now, cause: "again").isClean)
    }

    /// Comparing all pairs would take 400 million comparisons, and minutes.
    @Test(.timeLimit(.minutes(20)))
    func manyRowsAreComparedWithManyElements() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        let now = Clock.now()
        let rules = (0..<20_000 as Range<UInt32>).map { index in
            QuarantineRule(
                id: "q\(index)",
                target: .prefix(
                    index % 20 == 0
                        ? IPPrefix(IPAddress(v4: 0x0C00_0000 + index << 1), length: 31)
                        : IPPrefix(host: IPAddress(v4: 0x0B00_0000 + index))),
                state: .active, created: now, expires: now + .seconds(600), reason: "r")
        }
        try ledger.write(rules, [])
        var engine = try space.engine(ledger)
        #expect(try engine.reconcile(now: Clock.now(), cause: "start").restored.count == 20_000)
        // Time passes, in the kernel too.
        #expect(try engine.reconcile(now: Clock.now(), cause: "again").isClean)
        #expect(try engine.list(now: Clock.now()).rules.count(where: \.isInForce) == 20_000)
        // Only the kernel's elements are known now.
        ledger.forgetRules()
        #expect(try engine.reconcile(now: now, cause: "start").adopted.count == 20_000)
        let flushed = try engine.flush(reason: "r", now: now, actor: "me")
        #expect(flushed.count == 20_000 && flushed.allSatisfy { $0.failure == nil })
        #expect(try engine.actuator.elements().isEmpty)
    }

    @Test func expiriesMoveWithTheClockEvenWithoutALedger() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var engine = try space.engine(ledger)
        engine.defersWrites = true
        let (now, hour) = (Clock.now(), Interval.seconds(3600))
        _ = try engine.perform([decided("10.0.0.2", now)], now: now)
        ledger.isShut = true
        try engine.followClock(
            startedAt: .epoch + hour, noticing: hour, now: now + hour, actor: "me")
        #expect(engine.rules.sorted.map(\.expires) == [now + hour + .seconds(600)])
        #expect(engine.pendingWrites.cause != nil)
        ledger.isShut = false
        // By the previous clock, it would have expired.
        engine.writePending(now: now + hour + .seconds(60))
        #expect(try engine.expire(now: now + hour + .seconds(60)).isEmpty)
        #expect(try ledger.openRules().map(\.expires) == [now + hour + .seconds(600)])
        #expect(engine.pendingWrites.isEmpty)
    }

    @Test func expiriesMoveOnceWhicheverProgramNoticesTheClockFirst() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        let (now, hour) = (Clock.now(), Interval.seconds(3600))
        var monitor = try space.engine(ledger)
        try monitor.followClock(startedAt: .epoch, now: now, actor: "me")
        _ = try monitor.reconcile(now: now, cause: "start")
        _ = try monitor.perform([decided("10.0.0.2", now)], now: now)
        var command = try space.engine(ledger)
        try command.followClock(startedAt: .epoch + hour, now: now + hour, actor: "me")
        _ = try command.reconcile(now: now + hour, cause: "start")
        let end = now + hour + .seconds(600)
        #expect(command.rules.sorted.map(\.expires) == [end])
        try monitor.followClock(
            startedAt: .epoch + hour, noticing: hour, now: now + hour, actor: "lazaret")
        #expect(monitor.rules.sorted.map(\.expires) == [end])
        #expect(try ledger.openRules().map(\.expires) == [end])
        #expect(ledger.entries.count { $0.action == "clock" } == 1)
        // The rule was not extended, and its time in the kernel is the same.
        #expect(try monitor.tick(now: now + hour).isEmpty)
        #expect(try monitor.reconcile(now: now + hour, cause: "again").isClean)
    }

    @Test func aReleasedTargetIsNotFencedAgainAtOnce() throws {
        let space = try Namespace()
        var engine = try space.engine(MemoryLedger())
        let now = Clock.now()
        func ask(after seconds: Int64) throws -> [QuarantineDecision] {
            let time = now + .seconds(seconds)
            var request = request("10.0.0.2", at: 0, score: 0.9)
            request.time = time
            return try engine.consider(request, now: time).map(\.decision)
        }
        #expect(try ask(after: 0).map(\.kind) == [.add])
        let released = try engine.release(
            target("10.0.0.0/24"), reason: "checked", now: now + .seconds(5), actor: "me")
        #expect(released.map(\.decision.kind) == [.release] && engine.rules.isEmpty)
        #expect(
            try ask(after: 10).map(\.kind)
                == [.refuse(.allowlisted("10.0.0.2, released by hand"))])
        #expect(try ask(after: 605).map(\.rule.level) == [1])
    }
}
