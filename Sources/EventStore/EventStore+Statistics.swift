public import Events

/// The counters of a monitor at one moment.
public struct StoredStatistics: Sendable, Equatable {
    /// Nanoseconds since 1970.
    public var time: Int64
    /// The `stats` event as EVE JSON.
    public var line: String

    /// - Parameter rendered: an event with counters.
    public init(_ rendered: RenderedEvent) {
        self.init(time: rendered.event.time, line: rendered.line)
    }

    fileprivate init(time: Int64, line: String) {
        self.time = time
        self.line = line
    }
}

extension EventStore {
    public func record(statistics: [StoredStatistics]) throws(EventStoreError) {
        guard !statistics.isEmpty else { return }
        try write { database in
            let insert = try database.prepare("INSERT OR REPLACE INTO stats VALUES (?, ?)")
            for entry in statistics { try insert.execute([entry.time, entry.line]) }
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
            ) { StoredStatistics(time: $0.integer(0), line: $0.text(1)) }
        }
    }
}
