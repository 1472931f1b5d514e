internal import GRDB

/// One incident: what one offender did until it was quiet for a while.
public struct StoredIncident: Sendable, Equatable {
    /// Identifier of its first alert.
    public var id: String
    /// Seconds since 1970.
    public var start: Int64
    public var end: Int64
    public var offender: String
    public var workload: String
    /// The incident as JSON.
    public var body: String

    public init(
        id: String, start: Int64, end: Int64, offender: String, workload: String, body: String
    ) {
        self.id = id
        self.start = start
        self.end = end
        self.offender = offender
        self.workload = workload
        self.body = body
    }
}

extension EventStore {
    /// Writes incidents, in place of what was known of them.
    public func record(incidents: [StoredIncident]) throws(EventStoreError) {
        guard !incidents.isEmpty else { return }
        try write { database in
            let insert = try database.cachedStatement(
                sql: "INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?, ?)")
            for incident in incidents {
                try insert.execute(arguments: [
                    incident.id, incident.start, incident.end, incident.offender,
                    incident.workload, incident.body,
                ])
            }
        }
    }

    /// Incidents, the latest first.
    public func incidents(
        limit: Int, before second: Int64 = .max
    ) throws(EventStoreError) -> [StoredIncident] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT * FROM incidents WHERE start < ? ORDER BY start DESC, id LIMIT ?",
                arguments: [second, limit]
            ).map(StoredIncident.init)
        }
    }

    /// The incident of that name, or nil.
    public func incident(id: String) throws(EventStoreError) -> StoredIncident? {
        try read { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM incidents WHERE id = ?", arguments: [id]
            ).map(StoredIncident.init)
        }
    }

    /// What is wrong with the file; nil: nothing.
    public func damage() throws(EventStoreError) -> String? {
        do {
            return try read { database in
                let words = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? ""
                return words == "ok" ? nil : words
            }
        } catch .database(let words) where words.contains("malformed") {
            return words
        } catch { throw error }
    }
}

extension StoredIncident {
    fileprivate init(_ row: Row) {
        self.init(
            id: row["id"], start: row["start"], end: row["end"], offender: row["offender"],
            workload: row["workload"], body: row["body"])
    }
}
