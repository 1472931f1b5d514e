/// One fence in the ledger.
public struct FenceRow: Sendable, Equatable {
    /// How far a fence has come; written before the kernel is touched and after.
    public enum State: String, Sendable, CaseIterable {
        /// Decided; the kernel may or may not have it yet.
        case intended
        /// In the kernel, as far as we know.
        case standing
        /// To be taken down; the kernel may still have it.
        case releasing
        /// Over.
        case ended
    }

    /// The decision's name; several targets may share it.
    public var id: String
    public var target: FenceTarget
    public var response: FenceResponse
    public var state: State
    /// When it was put up, and when it ends; nanoseconds since 1970.
    public var created: Int64
    public var until: Int64
    public var level: Int
    public var reason: String
    public var eventID: String
    public var features: String
    public var workload: String?
    /// Who decided: "policy", or a person's name.
    public var actor: String
    /// Whether somebody overrode the protected set.
    public var isForced: Bool
    /// Whether it was only thought, never done.
    public var isDryRun: Bool
    /// Packets and bytes held back before the kernel's counters were last made anew.
    public var packets: UInt64
    public var bytes: UInt64
    /// Why it is over: "time over", "released", …
    public var ending: String

    /// What the actuator needs to know of it.
    public var claim: FenceClaim {
        FenceClaim(target: target, response: response, until: until, isForced: isForced)
    }

    /// What would undo it.
    public var undo: String { "lazaret quarantine release \(target)" }

    public init(
        id: String, target: FenceTarget, response: FenceResponse = .drop,
        state: State = .intended, created: Int64, until: Int64, level: Int = 0, reason: String,
        eventID: String = "", features: String = "", workload: String? = nil, actor: String,
        isForced: Bool = false, isDryRun: Bool = false, packets: UInt64 = 0, bytes: UInt64 = 0,
        ending: String = ""
    ) {
        self.id = id
        self.target = target
        self.response = response
        self.state = state
        self.created = created
        self.until = until
        self.level = level
        self.reason = reason
        self.eventID = eventID
        self.features = features
        self.workload = workload
        self.actor = actor
        self.isForced = isForced
        self.isDryRun = isDryRun
        self.packets = packets
        self.bytes = bytes
        self.ending = ending
    }
}

/// One line of the audit trail.
public struct AuditNote: Sendable, Equatable {
    /// Nanoseconds since 1970.
    public var time: Int64
    public var actor: String
    /// What happened: "fence", "extend", "release", "expire", "refuse", "reconcile", …
    public var action: String
    public var subject: String
    public var detail: String

    public init(time: Int64, actor: String, action: String, subject: String, detail: String) {
        self.time = time
        self.actor = actor
        self.action = action
        self.subject = subject
        self.detail = detail
    }
}

/// Where fences are written down before the kernel is touched.
///
/// Several processes may use one ledger: the daemon and the command line.
public protocol FenceLedger: Sendable {
    /// Rows that are not ended.
    func openRows() throws(QuarantineError) -> [FenceRow]
    /// Writes rows (by target, response and id) and notes, all or nothing, and durably.
    func write(_ rows: [FenceRow], _ notes: [AuditNote]) throws(QuarantineError)
    /// Whether another process has written since the last time this was asked.
    func hasChangedElsewhere() throws(QuarantineError) -> Bool
    /// Keeps other processes out until `unlock`; calls nest.
    ///
    /// - Returns: nanoseconds that it waited: by so much a time that was read before is older.
    /// - Throws: `.ledger` where another process keeps it for too long.
    func lock() throws(QuarantineError) -> Int64
    func unlock()
    /// What was noted under `name`, or nil.
    func setting(_ name: String) throws(QuarantineError) -> String?
    /// Notes `value` under `name`, in place of what was there.
    func set(_ name: String, to value: String) throws(QuarantineError)
}
