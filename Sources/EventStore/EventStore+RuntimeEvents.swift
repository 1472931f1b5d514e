internal import Events
internal import FoundationEssentials
public import RuntimeEvents
internal import SQLite
public import Timestamps

/// The runtime events of a workload in a time.
public struct RuntimeEventSummary: Sendable, Equatable {
    /// How many there were of each priority.
    public var counts: [RuntimeEvent.Priority: Int] = [:]
    /// The last one.
    public var last: RuntimeEvent?

    public init() {}
}

extension EventStore {
    // The index has the events of a workload by time, however many events of other kinds there are.
    static let runtimeEventSchema = """
        CREATE INDEX runtime_events ON events (subject, time) WHERE kind = 'runtime'
        """

    /// Counts the runtime events of a workload since a time, by priority.
    ///
    /// - Complexity: O(reports of this workload in the time): at most two a second.
    public func runtimeEvents(
        of workload: String, since time: Timestamp
    ) throws(EventStoreError) -> RuntimeEventSummary {
        try read { database in
            var summary = RuntimeEventSummary()
            try database.rows(
                """
                SELECT json_extract(body, '$.lazaret.priority'),
                    sum(json_extract(body, '$.lazaret.count'))
                FROM events WHERE kind = 'runtime' AND subject = ? AND time >= ? GROUP BY 1
                """, [workload, time]
            ) { row in
                if let priority = RuntimeEvent.Priority(word: row.text(0)) {
                    summary.counts[priority] = Int(row.integer(1))
                }
                return true
            }
            let line = try database.text(
                """
                SELECT body FROM events WHERE kind = 'runtime' AND subject = ? AND time >= ?
                ORDER BY time DESC LIMIT 1
                """, [workload, time])
            let event = line.flatMap { try? Event(eve: Data($0.utf8)) }
            if case .runtime(let report) = event?.payload { summary.last = report.event }
            return summary
        }
    }
}
