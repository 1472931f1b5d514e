import EventStore
import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Testing

@testable import Enforcement

/// Kills the process at its n-th step.
private final class Trap: Sendable {
    private let left: LockedCount

    init(_ steps: Int) { left = LockedCount(steps) }

    func step() {
        if left.decrement() == 0 { kill(getpid(), SIGKILL) }
    }
}

private final class LockedCount: @unchecked Sendable {
    // Only ever touched under the lock.
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
private struct TrappedLedger: FenceLedger {
    let ledger: QuarantineLedger
    let trap: Trap

    func openRows() throws(QuarantineError) -> [FenceRow] { try ledger.openRows() }
    func write(_ rows: [FenceRow], _ notes: [AuditNote]) throws(QuarantineError) {
        trap.step()
        try ledger.write(rows, notes)
        trap.step()
    }
    func hasChangedElsewhere() throws(QuarantineError) -> Bool {
        try ledger.hasChangedElsewhere()
    }
    func lock() throws(QuarantineError) -> Int64 { try ledger.lock() }
    func unlock() { ledger.unlock() }
    func setting(_ name: String) throws(QuarantineError) -> String? { try ledger.setting(name) }
    func set(_ name: String, to value: String) throws(QuarantineError) {
        try ledger.set(name, to: value)
    }
}

/// The real firewall; may die before and after each change.
private struct TrappedFirewall: FenceActuator, ~Copyable {
    var firewall: Firewall
    let trap: Trap

    var isDryRun: Bool { firewall.isDryRun }
    mutating func rebuild(_ claims: [FenceClaim], now: Int64) throws(QuarantineError) {
        trap.step()
        try firewall.rebuild(claims, now: now)
        trap.step()
    }
    mutating func adopt(_ claims: [FenceClaim], now: Int64) throws(QuarantineError) {
        try firewall.adopt(claims, now: now)
    }
    mutating func apply(_ changes: [FenceChange], now: Int64) throws(QuarantineError) {
        trap.step()
        try firewall.apply(changes, now: now)
        trap.step()
    }
    mutating func held() throws(QuarantineError) -> [HeldElement] { try firewall.held() }
    func expected(_ claims: [FenceClaim], now: Int64) -> [FenceClaim] {
        firewall.expected(claims, now: now)
    }
    mutating func isIntact() throws(QuarantineError) -> Bool { try firewall.isIntact() }
    mutating func remove() throws(QuarantineError) { try firewall.remove() }
    mutating func forgetCounts(
        unless isFenced: (FenceTarget, FenceResponse) -> Bool
    ) throws(QuarantineError) { try firewall.forgetCounts(unless: isFenced) }
}

private func wallClock() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

private func target(_ text: String) -> FenceTarget {
    guard let target = FenceTarget(text) else { preconditionFailure("not a target: \(text)") }
    return target
}

private func openFirewall(_ space: String) throws -> Firewall {
    var made: Firewall?
    try enterNamespace("/run/netns/" + space) { made = try Firewall() }
    guard let firewall = made.take() else { throw CommandFailed(description: "no firewall") }
    return firewall
}

/// What the killed process does: puts up a host and a network, extends one, takes one down, adds
/// one.
private func work(space: String, directory: String, step: Int) throws {
    let trap = Trap(step)
    var keeper = QuarantineKeeper(
        ledger: TrappedLedger(ledger: try QuarantineLedger(directory: directory), trap: trap),
        actuator: TrappedFirewall(firewall: try openFirewall(space), trap: trap))
    let now = wallClock()
    _ = try keeper.reconcile(now: now, cause: "start")
    for (text, seconds) in [("10.0.0.2", 86_400), ("10.1.0.0/24", 86_400), ("10.0.0.2", 172_800)] {
        _ = try keeper.add(
            target(text), response: .drop, seconds: Int64(seconds), reason: "r", now: now,
            actor: "test", force: false)
    }
    _ = try keeper.release(target("10.1.0.0/24"), reason: "r", now: now, actor: "test")
    _ = try keeper.add(
        target("10.1.0.128/25"), response: .drop, seconds: 86_400, reason: "r", now: now,
        actor: "test", force: false)
}

@Suite(.needsKernel)
struct KillTests {
    @Test(arguments: 1...32)
    func killedAtAnyStepNothingIsForgottenAndNothingIsForEver(step: Int) async throws {
        let space = try Namespace("kill")
        let scratch = try Scratch()
        let name = space.name
        await #expect(processExitsWith: .signal(SIGKILL)) {
            [name = name as String, path = scratch.path as String, step = step as Int] in
            try work(space: name, directory: path, step: step)
        }
        // What the dead left: every element has an end, with nobody watching.
        var firewall = try openFirewall(name)
        #expect(try firewall.held().allSatisfy { $0.remainingMilliseconds != nil })

        var keeper = QuarantineKeeper(
            ledger: try QuarantineLedger(directory: scratch.path), actuator: try openFirewall(name))
        let now = wallClock()
        _ = try keeper.reconcile(now: now, cause: "start after a kill")
        let rows = keeper.openRows
        #expect(rows.allSatisfy { $0.state == .standing })
        let expected = keeper.actuator.expected(rows.map(\.claim), now: now)
        let held = try firewall.held()
        #expect(held.map(\.target).sorted() == expected.map(\.target).sorted())
        for claim in expected {
            let left = held.first { $0.target == claim.target }?.remainingMilliseconds ?? 0
            // Ends are days apart; it took a while until the kernel was told.
            #expect(abs(now + left * 1_000_000 - claim.until) < 600_000_000_000)
        }
        // The first write of the decision is what makes it hold: steps are counted from the start,
        // where an empty reconciliation writes once (two steps); each change takes six.
        func holds(_ text: String) -> Bool { rows.contains { $0.target == target(text) } }
        #expect(holds("10.0.0.2") == (step >= 4))
        #expect(holds("10.1.0.0/24") == (step >= 10 && step < 22))
        #expect(holds("10.1.0.128/25") == (step >= 28))
        let store = try EventStore(path: scratch.path + "/lazaret.db")
        #expect(try store.verifyAudit().problems.isEmpty)
        #expect(try keeper.reconcile(now: now, cause: "again").isClean)
    }
}

@Suite(.needsKernel)
struct RunnerTests {
    /// A verdict that waited while the clock was set back is of the future.
    @Test func whatComesFromBeforeTheClockWasSetBackEndsNoFence() throws {
        let space = try Namespace("future")
        let scratch = try Scratch()
        let ledger = try QuarantineLedger(directory: scratch.path)
        let now = wallClock()
        var made: QuarantineRunner?
        try space.inside {
            made = try QuarantineRunner(
                policy: QuarantinePolicy(), ledger: ledger, isEnforcing: true, now: now,
                followsClock: true)
        }
        guard var runner = made.take() else { throw CommandFailed(description: "no runner") }
        func offence(at time: Int64) throws -> Offence {
            Offence(
                time: time, offender: try #require(IPAddress("10.0.0.2")), score: 0.95,
                threshold: 0.6, eventID: "e1", reason: "fan-out")
        }
        let first = try runner.consider(offence(at: now), now: now)
        #expect(first.map(\.action.kind) == [.fence])
        let late = try runner.consider(offence(at: now + 3_600_000_000_000), now: now)
        #expect(late.isEmpty, "\(late)")
        #expect(runner.openRows.map(\.until) == first.map(\.action.until))
    }

    @Test func somebodysFlushIsNoticedAndPutRight() throws {
        let space = try Namespace("runner")
        let scratch = try Scratch()
        let ledger = try QuarantineLedger(directory: scratch.path)
        let now = wallClock()
        var runner: QuarantineRunner?
        var watch: FirewallWatch?
        try space.inside {
            let made = try QuarantineRunner(
                policy: QuarantinePolicy(), ledger: ledger, isEnforcing: true, now: now)
            watch = try FirewallWatch(ignoring: [made.port])
            runner = consume made
        }
        guard var runner = runner.take(), var watch = watch.take() else {
            throw CommandFailed(description: "no runner")
        }
        let offence = Offence(
            time: now, offender: try #require(IPAddress("10.0.0.2")), score: 0.95,
            threshold: 0.6, eventID: "e1", reason: "fan-out")
        #expect(try runner.consider(offence, now: now).map(\.failure) == [nil])
        try space.run("nft", "flush ruleset")
        var heard: FirewallDisturbance?
        _ = try eventually {
            heard = try watch.wait(milliseconds: 100)
            return heard != nil
        }
        #expect(heard?.program == "nft")
        let repair = try runner.reconcile(now: wallClock(), cause: "nft changed the tables")
        #expect(repair.wasNeeded)
        #expect(repair.outcomes.map(\.action.target) == [target("10.0.0.2")])
        #expect(repair.outcomes.map(\.isPutBack) == [true])
        #expect(try space.run("nft", "list", "ruleset").contains("10.0.0.2 timeout"))

        // The command line, or another program with the ledger, releases it.
        var other = QuarantineKeeper(
            ledger: try QuarantineLedger(directory: scratch.path),
            actuator: try openFirewall(space.name))
        _ = try other.reconcile(now: wallClock(), cause: "command line")
        _ = try other.release(target("10.0.0.2"), reason: "r", now: wallClock(), actor: "me")
        let told = try runner.tick(now: wallClock())
        #expect(told.map(\.action.kind) == [.release])
        #expect(runner.openRows.isEmpty && runner.policy.activeFences.isEmpty)
    }

    @Test func theGuardPutsAFlushRightByItself() throws {
        let space = try Namespace("guard")
        let scratch = try Scratch()
        let ledger = try QuarantineLedger(directory: scratch.path)
        var made: QuarantineGuard?
        let repairs = LockedCount(0)
        try space.inside {
            made = try QuarantineGuard(
                try QuarantineRunner(
                    policy: QuarantinePolicy(), ledger: ledger, isEnforcing: true,
                    now: wallClock()),
                clock: wallClock
            ) { repair in
                if repair.failure == nil { _ = repairs.decrement() }
            }
        }
        let keeper = try #require(made)
        let offence = Offence(
            time: wallClock(), offender: try #require(IPAddress("10.0.0.2")), score: 0.95,
            threshold: 0.6, eventID: "e1", reason: "fan-out")
        let failures = try keeper.with {
            (runner: inout QuarantineRunner) throws(QuarantineError) -> [QuarantineError?] in
            try runner.consider(offence, now: wallClock()).map(\.failure)
        }
        #expect(failures == [nil])
        for damage in ["flush ruleset", "delete table bridge lazaret"] {
            try space.run("nft", damage)
            let isBack = try eventually {
                let rules = try space.run("nft", "list", "ruleset")
                return rules.split(separator: "10.0.0.2 timeout").count == 3
            }
            #expect(isBack, "\(damage)")
        }
        keeper.stop()
        #expect(repairs.decrement() <= -3)
        let store = try EventStore(path: scratch.path + "/lazaret.db")
        let trail = try store.auditTail(limit: 100).map(\.entry)
        #expect(trail.contains { $0.action == "rebuild" && $0.detail.hasPrefix("nft (process") })
    }
}
