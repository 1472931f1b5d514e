public import Quarantine
public import Timestamps

/// One response to one fence, as the ledger keeps it. It is written before each step.
public struct ResponseRecord: Sendable, Equatable {
    public enum State: String, Sendable, CaseIterable {
        /// Planned; nothing was done.
        case waiting
        /// What undo needs is recorded; it may have been applied.
        case prepared
        /// Applied, and not verified yet.
        case applied
        /// In effect.
        case verified
        /// Is being undone.
        case undoing
        /// Undone, and verified.
        case undone
        /// Given up; what was applied of it was undone.
        case failed
        /// Was not needed, or not allowed; nothing was done.
        case skipped
        /// Changed by somebody else, and left as it was found.
        case left

        /// Whether nothing more will be done.
        public var isOver: Bool {
            switch self {
            case .waiting, .prepared, .applied, .verified, .undoing: false
            case .undone, .failed, .skipped, .left: true
            }
        }

        /// Whether something was, or may have been, applied.
        var isUsed: Bool {
            switch self {
            case .prepared, .applied, .verified, .undoing: true
            case .waiting, .undone, .failed, .skipped, .left: false
            }
        }
    }

    /// Identifies an open record.
    struct Key: Hashable, Sendable {
        var entry: String
        var object: String
    }

    /// The entry's name.
    public var entry: String
    /// The entry's action, as in the configuration.
    public var action: String
    /// The identifier of the rule that it belongs to.
    public var ruleID: String
    /// The rule's target.
    public var target: String
    /// The container's identifier, or the target.
    public var object: String
    /// The object's name for people.
    public var name: String
    /// The workload's name, when known.
    public var workload: String?
    /// The path of the engine's socket; empty if there is none.
    public var engine: String
    public var state: State
    /// What undo needs, as JSON; it contains no secrets.
    public var undo: String
    /// The result of the last step, as text.
    public var detail: String
    /// The event that led to the rule; empty if an operator added it.
    public var eventID: String
    public var created: Timestamp
    public var changed: Timestamp
    /// When the rule would end, as last seen.
    public var expires: Timestamp

    public init(
        entry: String, action: String, ruleID: String, target: String, object: String,
        name: String, workload: String? = nil, engine: String = "", state: State = .waiting,
        undo: String = "", detail: String = "", eventID: String = "", created: Timestamp,
        changed: Timestamp, expires: Timestamp
    ) {
        self.entry = entry
        self.action = action
        self.ruleID = ruleID
        self.target = target
        self.object = object
        self.name = name
        self.workload = workload
        self.engine = engine
        self.state = state
        self.undo = undo
        self.detail = detail
        self.eventID = eventID
        self.created = created
        self.changed = changed
        self.expires = expires
    }

    var key: Key { Key(entry: entry, object: object) }
}

/// The storage to which responses are written before each step.
public protocol ResponseLedger: Sendable {
    /// The responses that are not over, the oldest first.
    func openResponses() throws(ResponseError) -> [ResponseRecord]
    /// Whether there is a record with this entry, object and rule, over or not.
    func hasResponse(_ record: ResponseRecord) throws(ResponseError) -> Bool
    /// Writes a record, which replaces its earlier state, and audit entries, durably and in one
    /// transaction.
    func write(_ record: ResponseRecord, _ entries: [AuditEntry]) throws(ResponseError)
}

/// The facts on which responses depend, at one moment.
public struct ResponseSituation: Sendable {
    /// The rules in the kernel; those of a dry run are not among them.
    public var rules: [QuarantineRule]
    /// Whether new responses may begin: the policy enforces, and is not paused.
    public var isActing: Bool
    public var protected: ProtectedSet
    public var allowlist: [AllowEntry]
    public var inventory: KnownInventory

    public init(
        rules: [QuarantineRule], isActing: Bool, protected: ProtectedSet = ProtectedSet(),
        allowlist: [AllowEntry] = [], inventory: KnownInventory = KnownInventory()
    ) {
        self.rules = rules
        self.isActing = isActing
        self.protected = protected
        self.allowlist = allowlist
        self.inventory = inventory
    }
}
