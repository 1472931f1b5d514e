import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Testing

@testable import Enforcement
import Timestamps

/// A ledger and a kernel that other programs change, or that do not answer.
extension EngineTests {
    /// Two programs use one ledger and one kernel.
    @Test func changesByAnotherProgramAreReportedOnceAndAdopted() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var monitor = try space.engine(ledger)
        var other = try space.engine(ledger)
        let now = Clock.now()
        _ = try monitor.reconcile(now: now, cause: "start")
        _ = try monitor.perform([decided("10.0.0.2", now), decided("10.0.0.3", now)], now: now)
        _ = try other.reconcile(now: now, cause: "start")
        _ = try other.release(target("10.0.0.2"), reason: "r", now: now, actor: "me")
        _ = try other.add(
            target("10.0.0.4"), action: .drop, duration: .seconds(60), reason: "r", now: now,
            actor: "me",
            force: false)
        _ = try other.add(
            target("10.0.0.3"), action: .drop, duration: .seconds(6000), reason: "r", now: now,
            actor: "me",
            force: false)
        func told() throws -> [String] {
            try monitor.tick(now: now).map { "\($0.decision.kind) \($0.decision.target)" }
        }
        ledger.hasChanged = true
        let expected = ["release 10.0.0.2", "extend 10.0.0.3", "fence 10.0.0.4"]
        // A decision checks before the next tick, and its findings are reported as well.
        #expect(try monitor.perform([decided("10.0.0.5", now)], now: now).count == 1)
        #expect(try told() == expected)
        #expect(try told().isEmpty)
        #expect(
            monitor.rules.sorted.map(\.target.description) == [
                "10.0.0.3", "10.0.0.4", "10.0.0.5",
            ])
        // Released by hand by any program, it is not fenced again.
        var again = request("10.0.0.2", at: 0, score: 0.9)
        again.time = now
        #expect(
            try monitor.consider(again, now: now).map(\.decision.kind)
                == [.refuse(.allowlisted("10.0.0.2, released by hand"))])
        // A rule of the policy that an operator extended still belongs to the policy.
        #expect(monitor.rules[.init(target: target("10.0.0.3"), action: .drop)]?.level == 1)
    }

    /// The program may have died after writing the ledger and before changing the kernel.
    @Test func anUnfinishedChangeOfAnotherProgramIsAppliedAtTheNextTick() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var monitor = try space.engine(ledger)
        let now = Clock.now()
        _ = try monitor.reconcile(now: now, cause: "start")
        var half = decided("10.0.0.2", now).rule
        half.state = .pending
        try ledger.write([half], [])
        ledger.hasChanged = true
        // A decision adopts the ledger's rules; the kernel is compared with it later.
        _ = try monitor.perform([decided("10.0.0.3", now)], now: now)
        #expect(try monitor.actuator.elements().map(\.target) == [target("10.0.0.3")])
        #expect(
            try monitor.tick(now: now).map(\.decision.target)
                == [target("10.0.0.2"), target("10.0.0.2")])
        #expect(
            try monitor.actuator.elements().map(\.target)
                == [target("10.0.0.2"), target("10.0.0.3")])
        #expect(try monitor.reconcile(now: now, cause: "again").isClean)
    }

    @Test func aRuleThatMayNotBeExtendedIsUnchanged() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var engine = try space.engine(ledger)
        let now = Clock.now()
        _ = try engine.perform([decided("10.0.0.2", now)], now: now)
        engine.policy.protected.add(prefix("10.0.0.2"), reason: "resolver")
        let longer = try engine.perform([decided("10.0.0.2", now, seconds: 7200)], now: now)
        #expect(longer.count == 1 && longer[0].failure != nil)
        for rules in [engine.rules.sorted, try ledger.openRules()] {
            #expect(rules.map(\.state) == [.active])
            #expect(rules.map(\.expires) == [now + .seconds(600)])
        }
        #expect(ledger.entries.last?.action == "fail")
        #expect(try engine.reconcile(now: now, cause: "again").isClean)
    }

    @Test func anExpiryMovedByAnotherProgramIsKept() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var monitor = try space.engine(ledger)
        var other = try space.engine(ledger)
        let now = Clock.now()
        _ = try monitor.reconcile(now: now, cause: "start")
        _ = try monitor.perform([decided("10.0.0.2", now, seconds: 60)], now: now)
        _ = try other.reconcile(now: now, cause: "start")
        _ = try other.add(
            target("10.0.0.2"), action: .drop, duration: .seconds(6000), reason: "r", now: now,
            actor: "me",
            force: false)
        ledger.hasChanged = true
        #expect(try monitor.expire(now: now + .seconds(60)).isEmpty)
        #expect(monitor.rules.sorted.map(\.expires) == [now + .seconds(6000)])
        #expect(!ledger.entries.contains { $0.action == "expire" })
    }

    /// Comparing all pairs would take five billion comparisons.
    @Test(.timeLimit(.minutes(20)))
    func manyRulesWaitForTheLedger() {
        let rules = (0..<100_000 as Range<UInt32>).map {
            QuarantineRule(
                id: "q\($0)", target: .prefix(IPPrefix(host: IPAddress(v4: $0))),
                expires: Timestamp(second: 1))
        }
        var pending = PendingWrites()
        pending.add(rules, [], cause: .ledger("full"))
        let moved = rules.map { rule in
            var rule = rule
            rule.expires += .seconds(1)
            return rule
        }
        pending.add(moved, [], cause: .ledger("full"))
        var active = ActiveRules()
        pending.overlay(&active)
        let end = Timestamp(second: 2)
        #expect(active.count == 100_000 && active.sorted.allSatisfy { $0.expires == end })
        #expect(pending.rules.count == 100_000)
    }

    @Test func expiredRulesAreRemoved() throws {
        let space = try Namespace()
        let ledger = MemoryLedger()
        var engine = try space.engine(ledger)
        let now = Clock.now()
        _ = try engine.perform([decided("10.0.0.2", now, seconds: 60)], now: now)
        #expect(try engine.expire(now: now + .seconds(59)).isEmpty)
        #expect(try engine.expire(now: now + .seconds(60)).map(\.decision.kind) == [.expire])
        #expect(engine.rules.isEmpty && ledger.entries.last?.action == "expire")
    }
}
