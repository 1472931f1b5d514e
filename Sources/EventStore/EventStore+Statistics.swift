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
            let insert = try database.prepare("INSERT OR REPLACE INTO stats VALUES (?, ?)")
            for entry in statistics { try insert.execute([entry.time, entry.body]) }
        }
    }

    /// Counters of before `time`, the latest first.
    public func statistics(
        limit: Int, before time: Int64 = .max
    ) throws(EventStoreError) -> [StoredStatistics] {
        try read { database in
            try database.all(
                "SELECT time, body FROM stats WHERE time < ? ORDER BY time DESC LIMIT ?",
                [time, limit]
            ) { StoredStatistics(time: $0.integer(0), body: $0.text(1)) }
        }
    }
}
