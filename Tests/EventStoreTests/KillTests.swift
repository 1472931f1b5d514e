import EventStore
import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Testing

@testable import Enforcement
import Timestamps

/// Kills the process at its n-th step.
private final class Trap: Sendable {
    private let left: LockedCount

    init(_ steps: Int) { left = LockedCount(steps) }

    func step() {
        if left.decrement() == 0 { kill(getpid(), SIGKILL) }
    }
}

private final class LockedCount: @unchecked Sendable {
    // Only accessed under the lock.
    private var value: Int
    private let lock = NSLock()

    init(_ value: Int) { self.value = value }

    func decrement() -> Int {
        lock.withLock {
            value -= 1
            return value
        }
    }
}

/// The real ledger; may die before and after each write.
private struct TrappedLedger: QuarantineLedger {
    let store: EventStore
    let trap: Trap

    func openRules() throws(QuarantineError) -> [QuarantineRule] { try store.openRules() }
    func write(
        _ rules: [QuarantineRule], _ entries: [AuditEntry], notes: [String: String]
    ) throws(QuarantineError) {
        trap.step()
        try store.write(rules, entries, notes: notes)
        trap.step()
    }
    func note(_ name: String) throws(QuarantineError) -> String? { try store.note(name) }
    func hasChangedElsewhere() throws(QuarantineError) -> Bool {
        try store.hasChangedElsewhere()
    }
    func lock() throws(QuarantineError) -> Interval { try store.lock() }
    func unlock() { store.unlock() }
}

/// The real firewall; may die before and after each change.
private struct TrappedFirewall: QuarantineActuator, ~Copyable {
    var firewall: Firewall
    let trap: Trap

    var isDryRun: Bool { firewall.isDryRun }
    mutating func rebuild(
        _ rules: [QuarantineRule], protecting protected: ProtectedSet, now: Timestamp
    ) throws(QuarantineError) {
        trap.step()
        try firewall.rebuild(rules, protecting: protected, now: now)
        trap.step()
    }
    mutating func adopt(_ rules: [QuarantineRule], now: Timestamp) throws(QuarantineError) {
        try firewall.adopt(rules, now: now)
    }
    mutating func apply(
        _ changes: [FirewallChange], protecting protected: ProtectedSet, now: Timestamp
    ) throws(QuarantineError) {
        trap.step()
        try firewall.apply(changes, protecting: protected, now: now)
        trap.step()
    }
    mutating func elements() throws(QuarantineError) -> [FirewallElement] {
        try firewall.elements()
    }
    func expected(
        _ rules: [QuarantineRule], now: Timestamp
    ) -> [QuarantineRule.Key: Timestamp] {
        firewall.expected(rules, now: now)
    }
    mutating func portInstances() throws(QuarantineError) -> [String: String] {
        try firewall.portInstances()
    }
    mutating func isIntact() throws(QuarantineError) -> Bool { try firewall.isIntact() }
    mutating func remove() throws(QuarantineError) { try firewall.remove() }
    mutating func forgetCounts(
        unless isActive: (QuarantineRule.Key) -> Bool
    ) throws(QuarantineError) { try firewall.forgetCounts(unless: isActive) }
}

private func openFirewall(_ space: String) throws -> Firewall {
    var made: Firewall?
    try enterNamespace("/run/netns/" + space) { made = try Firewall() }
    guard let firewall = made.take() else { throw CommandFailed(description: "no firewall") }
    return firewall
}

/// The operations of the killed process: fences a host and a network, extends one, releases one,
/// and adds one.
private func work(space: String, directory: String, step: Int) throws {
    let trap = Trap(step)
    var engine = QuarantineEngine(
        ledger: TrappedLedger(store: try EventStore(directory: directory), trap: trap),
        actuator: TrappedFirewall(firewall: try openFirewall(space), trap: trap))
    let now = Clock.now()
    _ = try engine.reconcile(now: now, cause: "start")
    for (text, seconds) in [("10.0.0.2", 86_400), ("10.1.0.0/24", 86_400), ("10.0.0.2", 172_800)] {
        _ = try engine.add(
            target(text), action: .drop, duration: .seconds(seconds), reason: "r", now: now,
            actor: "test", force: false)
    }
    _ = try engine.release(target("10.1.0.0/24"), reason: "r", now: now, actor: "test")
    _ = try engine.add(
        target("10.1.0.128/25"), action: .drop, duration: .seconds(86_400), reason: "r", now: now,
        actor: "test", force: false)
}

@Suite(.needsKernel)
struct KillTests {
    @Test(arguments: 1...32)
    func afterAKillAtAnyStepNoRuleIsLostAndEveryRuleExpires(step: Int) async throws {
        let space = try Namespace("kill")
        let scratch = try Scratch()
        let name = space.name
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [name = name as String, path = scratch.path as String, step = step as Int] in
            try work(space: name, directory: path, step: step)
        }
        // The state after the kill: every element has an expiry, without a running program.
        var firewall = try openFirewall(name)
        #expect(try firewall.elements().allSatisfy { $0.remaining != nil })

        var engine = QuarantineEngine(
            ledger: try EventStore(directory: scratch.path), actuator: try openFirewall(name))
        let now = Clock.now()
        _ = try engine.reconcile(now: now, cause: "start after a kill")
        let rules = engine.rules.sorted
        #expect(rules.allSatisfy { $0.state == .active })
        let expected = engine.actuator.expected(rules, now: now)
        let held = try firewall.elements()
        #expect(held.map(\.target).sorted() == expected.keys.map(\.target).sorted())
        for (key, expires) in expected {
            let left = held.first { $0.target == key.target }?.remaining ?? .zero
            // Expiries are days apart; some time passed before the kernel was changed.
            #expect((now + left - expires).magnitude < .seconds(600))
        }
        // A decision applies from its first write. Steps are counted from the start, where an empty
        // reconciliation writes once (two steps); each change takes six.
        func holds(_ text: String) -> Bool { rules.contains { $0.target == target(text) } }
        #expect(holds("10.0.0.2") == (step >= 4))
        #expect(holds("10.1.0.0/24") == (step >= 10 && step < 22))
        #expect(holds("10.1.0.128/25") == (step >= 28))
        let store = try EventStore(path: scratch.path + "/lazaret.db")
        #expect(try store.verifyAudit().problems.isEmpty)
        #expect(try engine.reconcile(now: now, cause: "again").isClean)
    }
}

/// The engine with the real ledger and the real firewall.
@Suite(.needsKernel)
struct EngineTests {
    private func request(at time: Timestamp) throws -> EnforcementRequest {
        EnforcementRequest(
            time: time, offender: try #require(IPAddress("10.0.0.2")), score: 0.95,
            threshold: 0.6, eventID: "e1", reason: "fan-out")
    }

    /// A verdict that waited while the clock was set back is in the future.
    @Test func aVerdictFromBeforeTheClockWasSetBackEndsNoRule() throws {
        let space = try Namespace("future")
        let scratch = try Scratch()
        let now = Clock.now()
        var engine = QuarantineEngine(
            ledger: try EventStore(directory: scratch.path), actuator: try openFirewall(space.name))
        let first = try engine.consider(request(at: now), now: now)
        #expect(first.map(\.decision.kind) == [.add])
        let late = try engine.consider(request(at: now + .seconds(3600)), now: now)
        #expect(late.isEmpty, "\(late)")
        #expect(engine.rules.sorted.map(\.expires) == first.map(\.decision.rule.expires))
    }

    @Test func aFlushByAnotherProgramIsNoticedAndRepaired() throws {
        let space = try Namespace("flush")
        let scratch = try Scratch()
        let now = Clock.now()
        var engine = QuarantineEngine(
            ledger: try EventStore(directory: scratch.path), actuator: try openFirewall(space.name))
        _ = try engine.reconcile(now: now, cause: "start")
        var made: RulesetMonitor?
        let port = engine.actuator.port
        try space.inside { made = try RulesetMonitor(ignoring: [port]) }
        guard var monitor = made.take() else { throw CommandFailed(description: "no monitor") }
        #expect(try engine.consider(request(at: now), now: now).map(\.failure) == [nil])
        try space.run("nft", "flush ruleset")
        var heard: RulesetChange?
        _ = try eventually {
            heard = try monitor.wait(milliseconds: 100)
            return heard != nil
        }
        #expect(heard?.program == "nft")
        let report = try engine.reconcile(now: Clock.now(), cause: "nft changed the tables")
        #expect(report.wasNeeded)
        #expect(report.outcomes.map(\.decision.target) == [target("10.0.0.2")])
        #expect(report.outcomes.map(\.isRestored) == [true])
        #expect(try space.run("nft", "list", "ruleset").contains("10.0.0.2 timeout"))

        // The command line, or another program that uses the ledger, releases it.
        var other = QuarantineEngine(
            ledger: try EventStore(directory: scratch.path), actuator: try openFirewall(space.name))
        _ = try other.reconcile(now: Clock.now(), cause: "command line")
        _ = try other.release(target("10.0.0.2"), reason: "r", now: Clock.now(), actor: "me")
        let told = try engine.tick(now: Clock.now())
        #expect(told.map(\.decision.kind) == [.release])
        #expect(engine.rules.isEmpty)
    }
}
