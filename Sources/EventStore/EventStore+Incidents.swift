public import Events
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
    fileprivate static let columns = "id, start, end, offender, workload, body"

    /// - Parameter row: a row with `columns`.
    fileprivate init(_ row: borrowing Statement) {
        id = row.text(0)
        start = row.integer(1)
        end = row.integer(2)
        offender = row.text(3)
        workload = row.text(4)
        json = row.text(5)
    }
}
