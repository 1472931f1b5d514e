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

    /// Forgets events, incidents and counters older than `time` (nanoseconds since 1970), and the oldest events and
    /// counters while the file is larger than `bytes`; fences and audit trail stay.
    ///
    /// - Returns: events forgotten.
    @discardableResult
    public func prune(before time: Int64, largerThan bytes: Int64) throws(EventStoreError) -> Int {
        try write { database in
            try database.execute(sql: "DELETE FROM events WHERE time < ?", arguments: [time])
            var gone = database.changesCount
            try database.execute(sql: "DELETE FROM stats WHERE time < ?", arguments: [time])
            try database.execute(
                sql: "DELETE FROM incidents WHERE end < ?", arguments: [time / 1_000_000_000])
            let page = try Int64.fetchOne(database, sql: "PRAGMA page_size") ?? 4096
            // Pages that are free are used again before the file grows.
            while true {
                let pages = try Int64.fetchOne(database, sql: "PRAGMA page_count") ?? 0
                let free = try Int64.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
                guard (pages - free) * page > bytes else { break }
                try database.execute(
                    sql: """
                        DELETE FROM events WHERE id IN (
                            SELECT id FROM events ORDER BY time, id LIMIT 1000)
                        """)
                let events = database.changesCount
                try database.execute(
                    sql: """
                        DELETE FROM stats WHERE time IN (
                            SELECT time FROM stats ORDER BY time LIMIT 1000)
                        """)
                guard events + database.changesCount > 0 else { break }
                gone += events
            }
            return gone
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
