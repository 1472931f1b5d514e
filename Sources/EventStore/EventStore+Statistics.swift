internal import GRDB

/// The counters of a monitor at one moment.
public struct StoredStatistics: Sendable, Equatable {
    /// Nanoseconds since 1970.
    public var time: Int64
    /// The `stats` event as JSON.
    public var body: String

    public init(time: Int64, body: String) {
        self.time = time
        self.body = body
    }
}

extension EventStore {
    public func record(statistics: [StoredStatistics]) throws(EventStoreError) {
        guard !statistics.isEmpty else { return }
        try write { database in
            let insert = try database.cachedStatement(
                sql: "INSERT OR REPLACE INTO stats VALUES (?, ?)")
            for entry in statistics { try insert.execute(arguments: [entry.time, entry.body]) }
        }
    }

    /// Counters of before `time`, the latest first.
    public func statistics(
        limit: Int, before time: Int64 = .max
    ) throws(EventStoreError) -> [StoredStatistics] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT time, body FROM stats WHERE time < ? ORDER BY time DESC LIMIT ?",
                arguments: [time, limit]
            ).map { StoredStatistics(time: $0["time"], body: $0["body"]) }
        }
    }
}
