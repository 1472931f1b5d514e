public import Events
internal import FoundationEssentials
internal import SQLite

/// An incident as a row of the store: the activity of one offender until it was quiet for a while.
public struct StoredIncident: Sendable, Equatable {
    /// The identifier of its first alert.
    public var id: String
    /// Seconds since 1970.
    public var start: Int64
    public var end: Int64
    public var offender: String
    public var workload: String
    /// The incident as JSON.
    public var json: String

    public init(_ incident: IncidentSummary) {
        id = incident.eventID
        start = Int64(incident.start)
        end = Int64(incident.end)
        offender = incident.offender
        workload = incident.workload
        json = incident.json
    }

    /// The incident's facts; nil if they cannot be read.
    public var summary: IncidentSummary? {
        try? JSONDecoder().decode(IncidentSummary.self, from: Data(json.utf8))
    }
}

/// Which incidents are wanted.
public struct IncidentFilter: Sendable, Equatable {
    /// In the names or addresses of offender and target, whatever the case; empty: any.
    public var text = ""
    /// The name of a pattern that it matched; nil: any.
    public var pattern: String?
    public var state: Triage.State?
    public var severity: Event.Severity?

    public init() {}

    /// - Parameter state: what an operator has said of the incident.
    public func matches(_ incident: StoredIncident, _ state: Triage.State) -> Bool {
        guard self.state == nil || self.state == state else { return false }
        guard !text.isEmpty || pattern != nil || severity != nil else { return true }
        guard let facts = incident.summary else { return false }
        guard pattern.map({ facts.patterns.contains($0) }) ?? true,
            severity == nil || severity == facts.severity
        else { return false }
        let wanted = text.lowercased()
        return wanted.isEmpty || facts.ends.contains { $0.lowercased().contains(wanted) }
    }
}

/// How many incidents of a severity are open, in one of the states in which they are.
public struct OpenIncidents: Sendable, Equatable {
    public var severity: Event.Severity
    public var state: Triage.State
    public var count: Int

    package init(severity: Event.Severity, state: Triage.State, count: Int) {
        self.severity = severity
        self.state = state
        self.count = count
    }
}

extension EventStore {
    /// Records incidents, replacing their earlier versions.
    public func record(incidents: [StoredIncident]) throws(EventStoreError) {
        guard !incidents.isEmpty else { return }
        try write { database in
            let insert = try database.prepare(
                "INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?, ?)")
            for incident in incidents {
                try insert.execute([
                    incident.id, incident.start, incident.end, incident.offender,
                    incident.workload, incident.json,
                ])
            }
        }
    }

    /// Incidents, latest first.
    public func incidents(
        limit: Int, before second: Int64 = .max
    ) throws(EventStoreError) -> [StoredIncident] {
        try read { database in
            try database.all(
                """
                SELECT \(StoredIncident.columns) FROM incidents WHERE start < ?
                ORDER BY start DESC, id LIMIT ?
                """, [second, limit], StoredIncident.init)
        }
    }

    /// The most incidents that a filter looks at, and those of one read: writers wait for it.
    private static let searched = 50_000
    private static let chunk = 500

    /// Incidents that match, latest first, of the latest 50,000.
    public func incidents(
        limit: Int, before second: Int64 = .max, matching filter: IncidentFilter
    ) throws(EventStoreError) -> [StoredIncident] {
        guard filter != IncidentFilter() else {
            return try incidents(limit: limit, before: second)
        }
        var found: [StoredIncident] = []
        var last = (start: second, id: String?.none)
        for _ in 0..<Self.searched / Self.chunk {
            let rows = try chunk(after: last)
            for (incident, state) in rows where filter.matches(incident, state) {
                found.append(incident)
                if found.count == limit { return found }
            }
            guard rows.count == Self.chunk, let end = rows.last?.0 else { break }
            last = (end.start, end.id)
        }
        return found
    }

    private func chunk(
        after last: (start: Int64, id: String?)
    ) throws(EventStoreError) -> [(StoredIncident, Triage.State)] {
        try read { database in
            try database.all(
                """
                SELECT \(StoredIncident.columns), coalesce(
                    (SELECT state FROM triage WHERE triage.id = incidents.id), 'new')
                FROM incidents WHERE start < ? OR start = ? AND id > ?
                ORDER BY start DESC, id LIMIT ?
                """,
                [last.start, last.id == nil ? Int64.min : last.start, last.id ?? "", Self.chunk]
            ) { (StoredIncident($0), Triage.State(rawValue: $0.text(6)) ?? .new) }
        }
    }

    /// The numbers of incidents that nobody has judged or closed, of the latest 50,000.
    public func openIncidents() throws(EventStoreError) -> [OpenIncidents] {
        try read { database in
            try database.all(
                """
                SELECT coalesce(\(Self.json("$.severity")), ?), coalesce(state, 'new'), count(*)
                FROM (SELECT id, body FROM incidents ORDER BY start DESC LIMIT ?)
                LEFT JOIN triage USING (id) GROUP BY 1, 2
                """, [Event.Severity.low.rawValue, Self.searched]
            ) { row in
                guard let severity = Event.Severity(rawValue: Int(row.integer(0))),
                    let state = Triage.State(rawValue: row.text(1)), state.isOpen
                else { return nil }
                return OpenIncidents(severity: severity, state: state, count: Int(row.integer(2)))
            }
        }
    }

    /// The incident with this identifier, or nil.
    public func incident(id: String) throws(EventStoreError) -> StoredIncident? {
        try read { database in
            try database.first(
                "SELECT \(StoredIncident.columns) FROM incidents WHERE id = ?", [id],
                StoredIncident.init)
        }
    }

    /// A description of the file's damage; nil if it is intact.
    public func damage() throws(EventStoreError) -> String? {
        do {
            return try read { database in
                let words = try database.text("PRAGMA quick_check(1)") ?? ""
                return words == "ok" ? nil : words
            }
        } catch .database(let words) where words.contains("malformed") {
            return words
        } catch { throw error }
    }
}

extension StoredIncident {
    static let columns = "id, start, end, offender, workload, body"

    /// - Parameter row: a row with `columns`.
    init(_ row: borrowing Statement) {
        id = row.text(0)
        start = row.integer(1)
        end = row.integer(2)
        offender = row.text(3)
        workload = row.text(4)
        json = row.text(5)
    }
}
