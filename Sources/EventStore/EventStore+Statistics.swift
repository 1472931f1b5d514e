public import Events
internal import SQLite
public import Timestamps

/// The counters of a monitor at one time.
public struct StoredStatistics: Sendable, Equatable {
    public var time: Timestamp
    /// The `stats` event as EVE JSON.
    public var line: String

    /// - Parameter rendered: an event with counters.
    public init(_ rendered: RenderedEvent) {
        self.init(time: rendered.event.time, line: rendered.line)
    }

    fileprivate init(time: Timestamp, line: String) {
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

    /// Counters from before `time`, latest first.
    public func statistics(
        limit: Int, before time: Timestamp = .distantFuture
    ) throws(EventStoreError) -> [StoredStatistics] {
        try read { database in
            try database.all(
                "SELECT time, body FROM stats WHERE time < ? ORDER BY time DESC LIMIT ?",
                [time, limit]
            ) { StoredStatistics(time: $0.time(0), line: $0.text(1)) }
        }
    }
}
