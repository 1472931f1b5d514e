internal import RuntimeEvents
internal import SQLite
public import Timestamps

/// How many records a time has, and when the first and the last of them was made.
public struct RecordCount: Sendable, Equatable {
    public var count: Int64 = 0
    public var first: Timestamp?
    public var last: Timestamp?

    public init() {}
}

/// Which records of the audit trail are wanted.
public enum AuditSelection: Sendable, CaseIterable {
    case all
    /// What persons did, not the program itself and not another program's decisions.
    case persons
    /// What was decided about rules of the quarantine.
    case rules
    case responses

    fileprivate var condition: String {
        switch self {
        case .all: "1"
        case .persons:
            "actor NOT IN ('policy', 'lazaret', 'reconcile') AND actor NOT LIKE 'crowdsec/%'"
        case .rules:
            """
            replace(action, 'dry-run ', '') IN
                ('fence', 'protect', 'extend', 'release', 'expire', 'refuse', 'fail')
            """
        case .responses: "action LIKE 'response %'"
        }
    }
}

/// The records of the audit trail in a period.
public struct AuditExtract: Sendable, Equatable {
    public var records = RecordCount()
    /// The most frequent actions, with how often they were taken.
    public var actions: [(name: String, count: Int64)] = []
    /// The latest ones, oldest first.
    public var latest: [AuditRecord] = []

    public init() {}

    public static func == (one: Self, other: Self) -> Bool {
        one.records == other.records && one.latest == other.latest
            && one.actions.elementsEqual(other.actions) { $0 == $1 }
    }
}

/// The events or incidents of a period.
public struct StoredExtract: Sendable, Equatable {
    public var records = RecordCount()
    /// Of incidents: those with a triage other than `new`. Of events: those of severity 1.
    public var marked: Int64 = 0
    /// Identifier and subject of the latest ones, oldest first.
    public var latest: [(id: String, subject: String)] = []

    public init() {}

    public static func == (one: Self, other: Self) -> Bool {
        one.records == other.records && one.marked == other.marked
            && one.latest.elementsEqual(other.latest) { $0 == $1 }
    }
}

// What a report on a period counts. SQLite counts row by row, so the memory does not grow with the
// period.
extension EventStore {
    /// The most actions of an extract.
    private static let actionLimit = 12

    /// - Parameter limit: the most records that are returned.
    public func audit(
        _ selection: AuditSelection, in period: Range<Timestamp>, limit: Int
    ) throws(EventStoreError) -> AuditExtract {
        let wanted = "FROM audit WHERE time >= ? AND time < ? AND \(selection.condition)"
        let bounds: [any DatabaseValue] = [period.lowerBound, period.upperBound]
        return try read { database in
            var extract = AuditExtract()
            extract.records = try Self.count(
                database, "SELECT count(*), min(time), max(time) \(wanted)", bounds)
            extract.actions = try database.all(
                "SELECT action, count(*) \(wanted) GROUP BY action ORDER BY 2 DESC, 1 LIMIT ?",
                bounds + [Self.actionLimit]
            ) { ($0.text(0), $0.integer(1)) }
            extract.latest = try database.all(
                "SELECT \(AuditRecord.columns) \(wanted) ORDER BY number DESC LIMIT ?",
                bounds + [limit], AuditRecord.init
            ).reversed()
            return extract
        }
    }

    /// The last record before `time`, and the first that is kept.
    public func auditEnds(
        before time: Timestamp
    ) throws(EventStoreError) -> (first: AuditRecord?, head: AuditRecord?) {
        try read { database in
            let columns = AuditRecord.columns
            return (
                try database.first(
                    "SELECT \(columns) FROM audit ORDER BY number LIMIT 1", [], AuditRecord.init),
                try database.first(
                    "SELECT \(columns) FROM audit WHERE time < ? ORDER BY number DESC LIMIT 1",
                    [time], AuditRecord.init)
            )
        }
    }

    /// - Parameter isListed: only alerts that a list of indicators agrees with.
    public func alerts(
        in period: Range<Timestamp>, isListed: Bool, limit: Int
    ) throws(EventStoreError) -> StoredExtract {
        let listed = "AND \(Self.json("$.lazaret.indicators")) IS NOT NULL"
        return try events(
            "kind = 'alert' \(isListed ? listed : "")", in: period, limit: limit,
            marked: "\(Self.json("$.alert.severity")) = 1")
    }

    /// What other tools said of the processes of workloads; those of `warning` and above are
    /// marked.
    public func runtimeEvents(
        in period: Range<Timestamp>, limit: Int
    ) throws(EventStoreError) -> StoredExtract {
        let urgent = RuntimeEvent.Priority.allCases.filter { $0.isAtLeast(.warning) }
        let words = urgent.map { "'\($0.rawValue)'" }.joined(separator: ", ")
        return try events(
            "kind = 'runtime'", in: period, limit: limit,
            marked: "\(Self.json("$.lazaret.priority")) IN (\(words))")
    }

    /// - Parameter marked: the condition by which the marked ones are counted.
    private func events(
        _ condition: String, in period: Range<Timestamp>, limit: Int, marked: String
    ) throws(EventStoreError) -> StoredExtract {
        let wanted = "FROM events WHERE time >= ? AND time < ? AND \(condition)"
        let bounds: [any DatabaseValue] = [period.lowerBound, period.upperBound]
        return try read { database in
            var extract = StoredExtract()
            extract.records = try Self.count(
                database, "SELECT count(*), min(time), max(time) \(wanted)", bounds)
            extract.marked =
                try database.first("SELECT count(*) \(wanted) AND \(marked)", bounds) {
                    $0.integer(0)
                } ?? 0
            extract.latest = try database.all(
                "SELECT id, subject \(wanted) ORDER BY time DESC, id DESC LIMIT ?",
                bounds + [limit]
            ) { ($0.text(0), $0.text(1)) }.reversed()
            return extract
        }
    }

    /// Incidents that began in the period.
    public func incidents(
        in period: Range<Timestamp>, limit: Int
    ) throws(EventStoreError) -> StoredExtract {
        let wanted = "FROM incidents WHERE start >= ? AND start < ?"
        let bounds: [any DatabaseValue] = [period.lowerBound.second, period.upperBound.second]
        return try read { database in
            var extract = StoredExtract()
            extract.records = try Self.count(
                database,
                """
                SELECT count(*), min(start) * 1000000000, max(start) * 1000000000 \(wanted)
                """, bounds)
            extract.marked =
                try database.first(
                    """
                    SELECT count(*) \(wanted) AND EXISTS (
                        SELECT 1 FROM triage WHERE triage.id = incidents.id AND state <> 'new')
                    """, bounds
                ) { $0.integer(0) } ?? 0
            extract.latest = try database.all(
                """
                SELECT id, CASE WHEN workload <> '' THEN workload ELSE offender END \(wanted)
                ORDER BY start DESC, id LIMIT ?
                """, bounds + [limit]
            ) { ($0.text(0), $0.text(1)) }.reversed()
            return extract
        }
    }

    /// The time from an alert to the rule that follows from it, for each rule of the period that
    /// was not a dry run and whose alert is kept.
    public func reactionTimes(
        in period: Range<Timestamp>
    ) throws(EventStoreError) -> [Interval] {
        try read { database in
            try database.all(
                """
                SELECT created - (SELECT time FROM events WHERE events.id = fences.event)
                FROM fences WHERE created >= ? AND created < ? AND dry = 0 AND event <> ''
                """, [period.lowerBound, period.upperBound]
            ) { row in
                row.isInteger(0) && row.integer(0) >= 0
                    ? Interval(nanoseconds: row.integer(0)) : nil
            }
        }
    }

    /// The time of the earliest event or counters that are kept.
    public func earliestEvent() throws(EventStoreError) -> Timestamp? {
        try read { database in
            try database.first(
                """
                SELECT min(time) FROM (SELECT min(time) AS time FROM events
                    UNION ALL SELECT min(time) FROM stats)
                """
            ) { $0.isInteger(0) ? $0.time(0) : nil } ?? nil
        }
    }

    /// Calls `body` with the time of each row of counters from the start of the period to the first
    /// one after its end, with the monitor's uptime and the packets that the kernel had dropped.
    public func eachStatistics(
        in period: Range<Timestamp>,
        _ body: (Timestamp, _ uptime: Interval, _ drops: Int64) -> Void
    ) throws(EventStoreError) {
        try read { database in
            try database.rows(
                """
                SELECT time, \(Self.json("$.stats.uptime")),
                    \(Self.json("$.stats.capture.kernel_drops"))
                FROM stats WHERE time >= ? ORDER BY time
                """, [period.lowerBound]
            ) { row in
                // A hundred years, so that no damaged row makes a sum overflow.
                let uptime = min(max(row.integer(1), 0), 3_155_760_000)
                body(row.time(0), .seconds(uptime), max(row.integer(2), 0))
                return row.time(0) < period.upperBound
            }
        }
    }

    /// A value of an event's line; NULL where the line is damaged.
    static func json(_ path: String) -> String {
        "CASE WHEN json_valid(body) THEN json_extract(body, '\(path)') END"
    }

    private static func count(
        _ database: borrowing Database, _ sql: String, _ bounds: [any DatabaseValue]
    ) throws -> RecordCount {
        try database.first(sql, bounds) { row in
            var count = RecordCount()
            count.count = row.integer(0)
            guard count.count > 0 else { return count }
            count.first = row.time(1)
            count.last = row.time(2)
            return count
        } ?? RecordCount()
    }
}
