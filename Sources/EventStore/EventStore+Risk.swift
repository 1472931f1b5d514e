internal import Events
public import Risk
internal import SQLite
public import Timestamps

extension EventStore {
    static let riskSchema = """
        CREATE TABLE risk (
            day INTEGER NOT NULL, workload TEXT NOT NULL, updated INTEGER NOT NULL,
            score INTEGER NOT NULL, peers INTEGER NOT NULL, incidents INTEGER NOT NULL,
            findings INTEGER NOT NULL, vulnerabilities INTEGER NOT NULL,
            UNIQUE (day, workload));
        """

    /// The days of risk that are kept, and the most workloads of one, those with the highest
    /// scores.
    public static let riskDays = 400
    public static let riskWorkloads = 1000
    /// Scores are stored in thousandths of a point.
    private static let scoreUnit = 1000.0
    /// Clocks may differ by this much after they are set.
    private static let slack = Interval.seconds(60)

    /// Records a day of workloads; of the same day, what was recorded before counts too.
    ///
    /// - Parameter now: rows of the same day that are later than this are replaced: the clock was
    ///   set back.
    public func record(
        risk days: [(workload: String, day: RiskDay)], now: Timestamp
    ) throws(EventStoreError) {
        guard !days.isEmpty else { return }
        let highest = days.sorted {
            ($1.day.score, $0.workload) < ($0.day.score, $1.workload)
        }.prefix(Self.riskWorkloads)
        try write { database in
            let earlier = try database.prepare(
                "SELECT \(Self.riskColumns) FROM risk WHERE day = ? AND workload = ?")
            let insert = try database.prepare(
                "INSERT OR REPLACE INTO risk VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
            for (workload, day) in highest {
                var merged = day
                try earlier.bind([day.day, workload])
                if try earlier.step(), earlier.time(2) <= now + Self.slack {
                    merged = Self.riskDay(earlier).merged(with: day)
                }
                earlier.reset()
                try insert.execute([
                    day.day, workload, now, Int((merged.score * Self.scoreUnit).rounded()),
                    merged.newOutsidePeers, merged.incidents, merged.findings ?? -1,
                    merged.vulnerabilities ?? -1,
                ])
            }
            for day in Set(highest.map(\.day.day)) {
                try database.execute(
                    """
                    DELETE FROM risk WHERE day = ? AND rowid NOT IN (
                        SELECT rowid FROM risk WHERE day = ? ORDER BY score DESC, workload LIMIT ?)
                    """, [day, day, Self.riskWorkloads])
            }
            // By their number, not their age: a clock that was set forward deletes nothing.
            try database.execute(
                """
                DELETE FROM risk WHERE day NOT IN (
                    SELECT day FROM risk GROUP BY day ORDER BY day DESC LIMIT ?)
                """, [Self.riskDays])
        }
    }

    /// The days of each workload since one, until `now`.
    public func risk(
        since first: Int, until now: Timestamp
    ) throws(EventStoreError) -> [String: [RiskDay]] {
        try read { database in
            var found: [String: [RiskDay]] = [:]
            try database.rows(
                """
                SELECT \(Self.riskColumns) FROM risk
                WHERE day BETWEEN ? AND ? AND updated <= ? ORDER BY day, workload
                """, [first, now.second / 86_400, now + Self.slack]
            ) { row in
                found[row.text(1), default: []].append(Self.riskDay(row))
                return true
            }
            return found
        }
    }

    private static let riskColumns =
        "day, workload, updated, score, peers, incidents, findings, vulnerabilities"

    /// - Parameter row: a row with `riskColumns`.
    private static func riskDay(_ row: borrowing Statement) -> RiskDay {
        func count(_ column: Int32) -> Int? {
            let value = Int(row.integer(column))
            return value < 0 ? nil : value
        }
        var day = RiskDay(day: Int(row.integer(0)), score: Double(row.integer(3)) / scoreUnit)
        day.newOutsidePeers = Int(row.integer(4))
        day.incidents = Int(row.integer(5))
        day.findings = count(6)
        day.vulnerabilities = count(7)
        return day
    }

    /// Incidents that ended since a second, each with what an operator said of it, the latest
    /// first.
    public func incidents(
        endedSince second: Int64, limit: Int
    ) throws(EventStoreError) -> [(incident: StoredIncident, state: Triage.State)] {
        try read { database in
            try database.all(
                """
                SELECT \(StoredIncident.columns), coalesce(
                    (SELECT state FROM triage WHERE triage.id = incidents.id), 'new')
                FROM incidents WHERE end >= ? ORDER BY end DESC, id LIMIT ?
                """, [second, limit]
            ) { (StoredIncident($0), Triage.State(rawValue: $0.text(6)) ?? .new) }
        }
    }

    /// Alerts since a time that name indicators, the latest first.
    public func alertsWithIndicators(
        since time: Timestamp, limit: Int
    ) throws(EventStoreError) -> [StoredEvent] {
        try read { database in
            try database.all(
                """
                SELECT \(StoredEvent.columns) FROM events
                WHERE time >= ? AND kind = ? AND instr(body, '"indicators":') > 0
                ORDER BY time DESC LIMIT ?
                """, [time, Event.Kind.alert.rawValue, limit], StoredEvent.init)
        }
    }
}
