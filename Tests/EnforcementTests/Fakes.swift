import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Synchronization

@testable import Enforcement
import Timestamps

/// Counts down by one at each step; at zero it simulates a crash, and nothing has an effect any
/// more.
final class Fuse: Sendable {
    private let left = Mutex<Int>(.max)
    let dies: @Sendable () -> Void

    init(dies: @escaping @Sendable () -> Void = {}) { self.dies = dies }

    func set(_ steps: Int) { left.withLock { $0 = steps } }
    var isOut: Bool { left.withLock { $0 <= 0 } }

    /// Counts one step; throws from the crash on.
    func burn() throws(QuarantineError) {
        let isOut = left.withLock { left in
            if left > 0, left < .max { left -= 1 }
            return left <= 0
        }
        guard isOut else { return }
        dies()
        throw .ledger("crashed")
    }
}

/// A ledger in memory that can crash before and after a write, and be unavailable for a while.
final class MemoryLedger: QuarantineLedger {
    private struct State {
        var rules: [String: QuarantineRule] = [:]
        var entries: [AuditEntry] = []
        var notes: [String: String] = [:]
    }

    private let state = Mutex(State())
    let fuse: Fuse
    private let shut = Mutex(false)
    private let changed = Mutex(false)

    /// Whether another program has written.
    var hasChanged: Bool {
        get { changed.withLock { $0 } }
        set { changed.withLock { $0 = newValue } }
    }

    /// Whether it can neither be read nor written.
    var isShut: Bool {
        get { shut.withLock { $0 } }
        set { shut.withLock { $0 = newValue } }
    }

    init(fuse: Fuse = Fuse()) { self.fuse = fuse }

    func openRules() throws(QuarantineError) -> [QuarantineRule] {
        if isShut { throw .ledger("locked") }
        return state.withLock { Array($0.rules.values.filter { $0.state != .ended }) }
    }

    func write(
        _ rules: [QuarantineRule], _ entries: [AuditEntry], notes: [String: String]
    ) throws(QuarantineError) {
        if isShut { throw .ledger("locked") }
        try fuse.burn()
        state.withLock { state in
            for rule in rules {
                let name = "\(rule.target) \(rule.action) \(rule.id)"
                // Ended rules are not needed by these tests, and 10,000 steps would accumulate
                // many.
                state.rules[name] = rule.state == .ended ? nil : rule
            }
            state.entries += entries
            state.notes.merge(notes) { $1 }
        }
        try fuse.burn()
    }

    func hasChangedElsewhere() -> Bool {
        changed.withLock { changed in
            defer { changed = false }
            return changed
        }
    }
    func lock() -> Interval { .zero }
    func unlock() {}
    func note(_ name: String) throws(QuarantineError) -> String? {
        if isShut { throw .ledger("locked") }
        return state.withLock { $0.notes[name] }
    }

    var entries: [AuditEntry] { state.withLock { $0.entries } }
    func forgetRules() { state.withLock { $0.rules = [:] } }
}

/// A firewall that can crash before and after each change.
struct FusedFirewall: QuarantineActuator, ~Copyable {
    var firewall: Firewall
    let fuse: Fuse

    var isDryRun: Bool { firewall.isDryRun }

    mutating func rebuild(
        _ rules: [QuarantineRule], protecting protected: ProtectedSet, now: Timestamp
    ) throws(QuarantineError) {
        try fuse.burn()
        try firewall.rebuild(rules, protecting: protected, now: now)
        try fuse.burn()
    }

    mutating func adopt(_ rules: [QuarantineRule], now: Timestamp) throws(QuarantineError) {
        try fuse.burn()
        try firewall.adopt(rules, now: now)
    }

    mutating func apply(
        _ changes: [FirewallChange], protecting protected: ProtectedSet, now: Timestamp
    ) throws(QuarantineError) {
        try fuse.burn()
        try firewall.apply(changes, protecting: protected, now: now)
        try fuse.burn()
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

extension Namespace {
    func engine(
        _ ledger: MemoryLedger, _ options: FirewallOptions = FirewallOptions(),
        policy: QuarantinePolicy = QuarantinePolicy()
    ) throws -> QuarantineEngine<FusedFirewall> {
        QuarantineEngine(
            policy: policy, ledger: ledger,
            actuator: FusedFirewall(firewall: try firewall(options), fuse: ledger.fuse))
    }
}
