import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Synchronization

@testable import Enforcement

/// Burns down by one at each step; once it is out, nothing has any effect any more: a crash.
final class Fuse: Sendable {
    private let left = Mutex<Int>(.max)
    let dies: @Sendable () -> Void

    init(dies: @escaping @Sendable () -> Void = {}) { self.dies = dies }

    func set(_ steps: Int) { left.withLock { $0 = steps } }
    var isOut: Bool { left.withLock { $0 <= 0 } }

    /// One step; throws from the crash on.
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

/// A ledger in memory that can crash before and after it writes, and be out of reach for a while.
final class MemoryLedger: FenceLedger {
    private struct State {
        var rows: [String: FenceRow] = [:]
        var notes: [AuditNote] = []
        var settings: [String: String] = [:]
    }

    private let state = Mutex(State())
    let fuse: Fuse
    private let shut = Mutex(false)

    /// Whether it can neither be read nor written.
    var isShut: Bool {
        get { shut.withLock { $0 } }
        set { shut.withLock { $0 = newValue } }
    }

    init(fuse: Fuse = Fuse()) { self.fuse = fuse }

    func openRows() throws(QuarantineError) -> [FenceRow] {
        if isShut { throw .ledger("locked") }
        return state.withLock { Array($0.rows.values.filter { $0.state != .ended }) }
    }

    func write(_ rows: [FenceRow], _ notes: [AuditNote]) throws(QuarantineError) {
        if isShut { throw .ledger("locked") }
        try fuse.burn()
        state.withLock { state in
            for row in rows {
                let name = "\(row.target) \(row.response) \(row.id)"
                // Ended rows are of no use to these tests; 10,000 steps would keep many.
                state.rows[name] = row.state == .ended ? nil : row
            }
            state.notes += notes
        }
        try fuse.burn()
    }

    func hasChangedElsewhere() -> Bool { false }
    func lock() -> Int64 { 0 }
    func unlock() {}
    func setting(_ name: String) -> String? { state.withLock { $0.settings[name] } }
    func set(_ name: String, to value: String) { state.withLock { $0.settings[name] = value } }

    var notes: [AuditNote] { state.withLock { $0.notes } }
    func forgetRows() { state.withLock { $0.rows = [:] } }
}

/// A firewall that can crash before and after it acts.
struct FusedFirewall: FenceActuator, ~Copyable {
    var firewall: Firewall
    let fuse: Fuse

    var isDryRun: Bool { firewall.isDryRun }

    mutating func rebuild(_ claims: [FenceClaim], now: Int64) throws(QuarantineError) {
        try fuse.burn()
        try firewall.rebuild(claims, now: now)
        try fuse.burn()
    }

    mutating func adopt(_ claims: [FenceClaim], now: Int64) throws(QuarantineError) {
        try fuse.burn()
        try firewall.adopt(claims, now: now)
    }

    mutating func apply(_ changes: [FenceChange], now: Int64) throws(QuarantineError) {
        try fuse.burn()
        try firewall.apply(changes, now: now)
        try fuse.burn()
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

/// Nanoseconds since 1970.
func clockNow() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * second + Int64(time.tv_nsec)
}

extension Namespace {
    func keeper(
        _ ledger: MemoryLedger, _ options: FirewallOptions = FirewallOptions()
    ) throws -> QuarantineKeeper<FusedFirewall> {
        QuarantineKeeper(
            ledger: ledger,
            actuator: FusedFirewall(firewall: try firewall(options), fuse: ledger.fuse))
    }
}
