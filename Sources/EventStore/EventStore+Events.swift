internal import GRDB

/// One event, kept for `explain` and the dashboard.
public struct StoredEvent: Sendable, Equatable {
    public var id: String
    /// Nanoseconds since 1970.
    public var time: Int64
    /// "alert", "quarantine", …
    public var kind: String
    /// The workload or address it is about.
    public var subject: String
    /// The event as JSON.
    public var body: String

    public init(id: String, time: Int64, kind: String, subject: String, body: String) {
        self.id = id
        self.time = time
        self.kind = kind
        self.subject = subject
        self.body = body
    }
}

/// One trained model that this node has used.
public struct StoredModel: Sendable, Equatable {
    public var id: String
    /// Nanoseconds since 1970.
    public var created: Int64
    public var path: String
    public var note: String
    public var isActive: Bool

    public init(id: String, created: Int64, path: String, note: String, isActive: Bool) {
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
            let insert = try database.cachedStatement(
                sql: "INSERT OR REPLACE INTO events VALUES (?, ?, ?, ?, ?)")
            for event in events {
                try insert.execute(arguments: [
                    event.id, event.time, event.kind, event.subject, event.body,
                ])
            }
        }
    }

    /// The event of that name, or nil.
    public func event(id: String) throws(EventStoreError) -> StoredEvent? {
        try read { database in
            try Row.fetchOne(
                database, sql: "SELECT * FROM events WHERE id = ?", arguments: [id]
            ).map(StoredEvent.init)
        }
    }

    /// The latest events, the latest first.
    public func events(
        limit: Int, before time: Int64 = .max
    ) throws(EventStoreError) -> [StoredEvent] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT * FROM events WHERE time < ? ORDER BY time DESC, id DESC LIMIT ?",
                arguments: [time, limit]
            ).map(StoredEvent.init)
        }
    }

    /// Writes a model down; an active one takes the place of the one before.
    public func record(model: StoredModel) throws(EventStoreError) {
        try write { database in
            if model.isActive { try database.execute(sql: "UPDATE models SET active = 0") }
            try database.execute(
                sql: "INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?, ?)",
                arguments: [model.id, model.created, model.path, model.note, model.isActive])
        }
    }

    /// Every model, the latest first.
    public func models() throws(EventStoreError) -> [StoredModel] {
        try read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM models ORDER BY created DESC, id")
                .map {
                    StoredModel(
                        id: $0["id"], created: $0["created"], path: $0["path"], note: $0["note"],
                        isActive: $0["active"])
                }
        }
    }
}

extension StoredEvent {
    fileprivate init(_ row: Row) {
        self.init(
            id: row["id"], time: row["time"], kind: row["kind"], subject: row["subject"],
            body: row["body"])
    }
}
