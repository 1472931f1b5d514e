public import Events
internal import SQLite
public import Timestamps

/// An event as a row of the store.
public struct StoredEvent: Sendable, Equatable {
    /// The identifier of an alert. For a change of a rule, the rule's identifier followed by the
    /// action and the time of recording.
    public var id: String
    /// The time of an alert or a runtime event, otherwise the time of recording.
    public var time: Timestamp
    /// The raw value of `Event.Kind`.
    public var kind: String
    /// The workload or target of the event.
    public var subject: String
    /// The event as EVE JSON.
    public var line: String

    /// - Parameter recorded: the time of recording, different for each event.
    public init(_ rendered: RenderedEvent, recorded: Timestamp) {
        let event = rendered.event
        switch event.payload {
        case .alert(let alert):
            id = alert.identifier ?? "alert-\(recorded.nanoseconds)"
            time = event.time
        case .quarantine(let change):
            id = "\(change.quarantineID)-\(change.action.rawValue)-\(recorded.nanoseconds)"
            time = recorded
        case .response(let change):
            id = "response-\(change.quarantineID)-\(recorded.nanoseconds)"
            time = recorded
        case .runtime:
            id = "runtime-\(recorded.nanoseconds)"
            time = event.time
        case .stats:
            id = "stats-\(recorded.nanoseconds)"
            time = recorded
        }
        kind = event.kind.rawValue
        subject = event.subject
        line = rendered.line
    }
}

/// A trained model that this node has used.
public struct StoredModel: Sendable, Equatable {
    public var id: String
    public var created: Timestamp
    public var path: String
    public var note: String
    public var isActive: Bool

    public init(id: String, created: Timestamp, path: String, note: String, isActive: Bool) {
        self.id = id
        self.created = created
        self.path = path
        self.note = note
        self.isActive = isActive
    }
}

extension EventStore {
    /// Writes events in one transaction.
    public func record(events: [StoredEvent]) throws(EventStoreError) {
        guard !events.isEmpty else { return }
        try write { database in
            let insert = try database.prepare(
                "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?)")
            for event in events {
                try insert.execute([
                    event.id, event.time, event.kind, event.subject, event.line,
                ])
            }
        }
    }

    /// The event with this identifier, or nil.
    public func event(id: String) throws(EventStoreError) -> StoredEvent? {
        try read { database in
            try database.first(
                "SELECT \(StoredEvent.columns) FROM events WHERE id = ?", [id], StoredEvent.init)
        }
    }

    /// The changes of a quarantine rule, the earliest first.
    public func changes(ofRule identifier: String) throws(EventStoreError) -> [StoredEvent] {
        try read { database in
            try database.all(
                """
                SELECT \(StoredEvent.columns) FROM events
                WHERE kind = ? AND id > ? AND id < ? ORDER BY time, id LIMIT 1000
                """,
                [Event.Kind.quarantine.rawValue, identifier + "-", identifier + "."],
                StoredEvent.init)
        }
    }

    /// The latest events, latest first.
    public func events(
        limit: Int, before time: Timestamp = .distantFuture
    ) throws(EventStoreError) -> [StoredEvent] {
        try read { database in
            try database.all(
                """
                SELECT \(StoredEvent.columns) FROM events WHERE time < ?
                ORDER BY time DESC, id DESC LIMIT ?
                """, [time, limit], StoredEvent.init)
        }
    }

    /// Records a model; an active one replaces the previous active one.
    public func record(model: StoredModel) throws(EventStoreError) {
        try write { database in
            if model.isActive { try database.execute("UPDATE models SET active = 0") }
            try database.execute(
                "INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?)",
                [model.id, model.created, model.path, model.note, model.isActive])
        }
    }

    /// Every model, latest first.
    public func models() throws(EventStoreError) -> [StoredModel] {
        try read { database in
            try database.all(
                "SELECT id, created, path, note, active FROM models ORDER BY created DESC, id"
            ) {
                StoredModel(
                    id: $0.text(0), created: $0.time(1), path: $0.text(2), note: $0.text(3),
                    isActive: $0.bool(4))
            }
        }
    }
}

extension StoredEvent {
    static let columns = "id, time, kind, subject, body"

    /// - Parameter row: a row with `columns`.
    init(_ row: borrowing Statement) {
        id = row.text(0)
        time = row.time(1)
        kind = row.text(2)
        subject = row.text(3)
        line = row.text(4)
    }
}
