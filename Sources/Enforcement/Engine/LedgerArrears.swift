public import Quarantine

/// What a ledger could not be told while it could not be written: a full disk, or somebody who holds it.
public struct LedgerArrears: Sendable {
    /// Why; nil where nothing is owed.
    public private(set) var cause: QuarantineError?
    private(set) var rows: [FenceRow] = []
    private(set) var notes: [AuditNote] = []
    /// When to try again, in nanoseconds since 1970.
    var retryAt: Int64 = 0

    /// What is owed at most; beyond, no new fence is put up.
    static let capacity = 10_000

    /// Nothing is owed.
    public init() {}

    public var isEmpty: Bool { cause == nil }
    /// Entries of the audit trail that wait.
    public var count: Int { notes.count }
    var isFull: Bool { notes.count >= Self.capacity }

    /// Adds what was refused; a row replaces an earlier one of the same fence.
    mutating func add(_ more: [FenceRow], _ notes: [AuditNote], cause: QuarantineError) {
        for row in more {
            rows.removeAll { $0.key == row.key && $0.id == row.id }
            rows.append(row)
        }
        self.notes += notes
        self.cause = cause
    }

    mutating func clear() { self = LedgerArrears() }

    /// Lays what is owed over what the ledger says.
    ///
    /// A fence that another program has found in the kernel meanwhile, and written down by another name, keeps that name.
    mutating func overlay(_ open: inout [FenceKey: FenceRow]) {
        for index in rows.indices {
            let key = rows[index].key
            if rows[index].state == .ended {
                if open[key]?.id == rows[index].id { open[key] = nil }
            } else {
                if let known = open[key] { rows[index].id = known.id }
                open[key] = rows[index]
            }
        }
    }
}

extension QuarantineKeeper where Actuator: ~Copyable {
    private static var patience: Int64 { 2_000_000_000 }

    /// Writes down, with what is owed; where that fails and it cannot wait, it is owed too.
    mutating func record(
        _ rows: [FenceRow], _ notes: [AuditNote], isUrgent: Bool
    ) throws(QuarantineError) {
        do throws(QuarantineError) {
            if let obstacle { throw obstacle }
            if arrears.isEmpty {
                try ledger.write(rows, notes)
            } else {
                var all = arrears
                all.add(rows, notes, cause: .ledger(""))
                try ledger.write(all.rows, all.notes)
                arrears.clear()
            }
        } catch {
            guard isUrgent, mayOweLedger, !actuator.isDryRun, !arrears.isFull else { throw error }
            arrears.add(rows, notes, cause: error)
        }
    }

    /// Writes down what is owed, if it can be; tried every two seconds.
    public mutating func catchUp(now: Int64) {
        guard !arrears.isEmpty, now >= arrears.retryAt || now < arrears.retryAt - Self.patience,
            (try? lock(isUrgent: false)) != nil
        else { return }
        defer { unlock() }
        do throws(QuarantineError) {
            if try ledger.hasChangedElsewhere() { try reload() }
            try ledger.write(arrears.rows, arrears.notes)
            arrears.clear()
        } catch {
            arrears.add([], [], cause: error)
            arrears.retryAt = now + Self.patience
        }
    }
}
