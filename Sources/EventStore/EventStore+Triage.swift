internal import Quarantine
internal import SQLite
public import Timestamps

/// What an operator has said of an incident.
public struct Triage: Sendable, Equatable {
    public enum State: String, CaseIterable, Sendable {
        case new, acknowledged, benign, malicious, closed

        /// Whether nobody has judged or closed the incident.
        public var isOpen: Bool { self == .new || self == .acknowledged }
    }

    public var state: State
    public var comment: String
    public var actor: String
    public var time: Timestamp

    public init(_ state: State, comment: String, actor: String, time: Timestamp) {
        self.state = state
        self.comment = comment
        self.actor = actor
        self.time = time
    }
}

/// Alerts of one workload that are not reported until a time.
public struct Mute: Sendable, Equatable {
    public var number: Int64
    /// The name of a workload, or an address.
    public var workload: String
    /// The name of a pattern; earlier versions stored its title. Nil: all of them.
    public var pattern: String?
    public var until: Timestamp
    public var reason: String
    public var actor: String
    public var created: Timestamp

    public init(
        number: Int64 = 0, workload: String, pattern: String?, until: Timestamp, reason: String,
        actor: String, created: Timestamp
    ) {
        self.number = number
        self.workload = workload
        self.pattern = pattern
        self.until = until
        self.reason = reason
        self.actor = actor
        self.created = created
    }

    /// Clocks may differ by this much after they are set.
    private static let slack = Interval.seconds(60)

    /// Whether it holds: not if it is of the future, from which the clock was set back.
    public func isActive(at now: Timestamp) -> Bool { until > now && created <= now + Self.slack }
}

extension EventStore {
    static let triageSchema = """
        CREATE TABLE triage (
            id TEXT PRIMARY KEY, state TEXT NOT NULL, comment TEXT NOT NULL,
            actor TEXT NOT NULL, time INTEGER NOT NULL);
        CREATE TABLE mutes (
            number INTEGER PRIMARY KEY AUTOINCREMENT, workload TEXT NOT NULL, pattern TEXT,
            until INTEGER NOT NULL, reason TEXT NOT NULL, actor TEXT NOT NULL,
            created INTEGER NOT NULL);
        """

    /// The most mutes at a time.
    public static let muteLimit = 1000

    /// Records the triage of an incident, with an entry in the audit trail.
    public func record(_ triage: Triage, of incident: String) throws(EventStoreError) {
        try write { database in
            try database.execute(
                "INSERT OR REPLACE INTO triage VALUES (?, ?, ?, ?, ?)",
                [incident, triage.state.rawValue, triage.comment, triage.actor, triage.time])
            let comment = triage.comment.isEmpty ? "" : ": \(triage.comment)"
            try Self.append(
                [
                    AuditEntry(
                        time: triage.time, actor: triage.actor, action: "triage",
                        subject: incident, detail: triage.state.rawValue + comment)
                ], database)
        }
    }

    /// The triage of each of the incidents that have one.
    public func triage(of incidents: [String]) throws(EventStoreError) -> [String: Triage] {
        try read { database in
            var found: [String: Triage] = [:]
            for id in incidents {
                let sql = "SELECT state, comment, actor, time FROM triage WHERE id = ?"
                found[id] = try database.first(sql, [id]) { row in
                    Triage(
                        Triage.State(rawValue: row.text(0)) ?? .new, comment: row.text(1),
                        actor: row.text(2), time: row.time(3))
                }
            }
            return found
        }
    }

    /// The mutes that have not expired, the earliest first.
    public func mutes(at now: Timestamp) throws(EventStoreError) -> [Mute] {
        try read { database in
            try database.all(
                """
                SELECT number, workload, pattern, until, reason, actor, created FROM mutes
                WHERE until > ? ORDER BY number LIMIT ?
                """, [now, Self.muteLimit]
            ) { row in
                Mute(
                    number: row.integer(0), workload: row.text(1), pattern: row.optionalText(2),
                    until: row.time(3), reason: row.text(4), actor: row.text(5),
                    created: row.time(6))
            }.filter { $0.isActive(at: now) }
        }
    }

    /// Adds a mute, with an entry in the audit trail.
    ///
    /// - Returns: the mute with its number; nil if there are too many.
    public func add(_ mute: Mute) throws(EventStoreError) -> Mute? {
        try write { database in
            let active = try database.first(
                "SELECT count(*) FROM mutes WHERE until > ?", [mute.created]
            ) { $0.integer(0) }
            guard (active ?? 0) < Self.muteLimit else { return nil }
            let insert = """
                INSERT INTO mutes (workload, pattern, until, reason, actor, created)
                VALUES (?, ?, ?, ?, ?, ?)
                """
            try database.execute(
                insert,
                [
                    mute.workload, mute.pattern, mute.until, mute.reason, mute.actor, mute.created,
                ])
            var added = mute
            added.number = try database.integer("SELECT last_insert_rowid()")
            try Self.append(
                [
                    AuditEntry(
                        time: mute.created, actor: mute.actor, action: "mute",
                        subject: mute.workload,
                        detail: "\(mute.pattern ?? "all patterns") for "
                            + "\((mute.until - mute.created).wholeSeconds) s: \(mute.reason)")
                ], database)
            return added
        }
    }

    /// Ends a mute, with an entry in the audit trail.
    ///
    /// - Returns: false if there is no such mute.
    public func endMute(
        _ number: Int64, actor: String, now: Timestamp
    ) throws(EventStoreError) -> Bool {
        try write { database in
            let workload = try database.text(
                "SELECT workload FROM mutes WHERE number = ? AND until > ?", [number, now])
            guard let workload else { return false }
            try database.execute("DELETE FROM mutes WHERE number = ?", [number])
            try Self.append(
                [
                    AuditEntry(
                        time: now, actor: actor, action: "unmute", subject: workload,
                        detail: "mute \(number) ended")
                ], database)
            return true
        }
    }

    /// Deletes expired mutes, and the triage of incidents that are no longer kept.
    static func pruneTriage(
        before time: Timestamp, now: Timestamp, _ database: borrowing Database
    ) throws {
        try database.execute("DELETE FROM mutes WHERE until <= ?", [now])
        // The triage of a new incident may be older than its row.
        try database.execute(
            "DELETE FROM triage WHERE time < ? AND id NOT IN (SELECT id FROM incidents)", [time])
    }
}
