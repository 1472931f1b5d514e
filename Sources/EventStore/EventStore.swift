internal import Glibc
internal import SQLite
internal import Synchronization
internal import SystemPackage
internal import SystemSupport
public import Timestamps

/// The reason why a request to the store failed.
public enum EventStoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file cannot be opened or created.
    case open(path: String, why: String)
    /// The file is damaged, or is no SQLite database.
    case damaged(path: String, why: String)
    /// A newer program has written the file.
    case newer(path: String)
    /// An older program has written the file, and it was opened to be read only.
    case older(path: String)
    /// There is no store at this path.
    case missing(path: String)
    /// Another program has written the file.
    case foreign(path: String)
    /// SQLite failed; its own message.
    case database(String)
    /// Another process holds the lock on the ledger.
    case busy(seconds: Int64)

    public var description: String {
        switch self {
        case .open(let path, let why):
            "\(path): cannot be opened: \(why); --state names another directory"
        case .damaged(let path, let why):
            "\(path): damaged: \(why); 'lazaret monitor' sets it aside and begins a new one"
        case .newer(let path): "\(path): written by a newer lazaret; update this one"
        case .older(let path):
            "\(path): written by an older lazaret; 'lazaret audit' brings it up to date"
        case .missing(let path): "\(path): no such file; name the state directory of a monitor"
        case .foreign(let path):
            "\(path): no store of lazaret; name the state directory of a monitor"
        case .database(let why): "the store failed: \(why)"
        case .busy(let seconds): "another program has been using the ledger for \(seconds) s"
        }
    }
}

/// Events, quarantine ledger, audit trail and model registry in one SQLite file (WAL).
///
/// Several processes may use one file. Every write is one durable transaction.
public final class EventStore: Sendable {
    private let database: Database
    /// Held while the connection is used.
    private let turn = Mutex(())
    /// The file's path.
    public let path: String
    /// Prevents other processes from changing rules; in the directory of the file.
    let processLock: ProcessLock
    /// The `dataVersion` at the last comparison.
    let lastSeenVersion = Mutex<Int64>(0)

    /// Opens the file, and creates it if it is missing; its directory has to exist.
    ///
    /// - Throws: `.open`; `.damaged`; `.newer`.
    public init(path: String) throws(EventStoreError) {
        self.path = path
        processLock = ProcessLock(path: Self.directory(of: path) + "/lazaret.lock")
        // Fences and their reasons are readable only by the owner; SQLite creates its other
        // files with the same mode. The file is only created here, and an existing one is not
        // opened: closing any descriptor of a file releases all locks that this process has on it
        // (POSIX), including those of an open store, whose log the next reader would then delete.
        _ = try? OpenFile(path, .writeOnly, [.create, .exclusiveCreate])
        do {
            // SQLite rejects links anywhere in a path, so the directory's links are resolved here.
            let place = Self.directory(of: path).realPath + "/" + path.lastPathComponent
            let opened = try Database(path: place, waiting: 10_000)
            // Reads the file's header, so that a file of another format is reported first.
            try opened.execute("SELECT count(*) FROM sqlite_master")
            let mode = try opened.text("PRAGMA journal_mode = WAL")
            guard mode == "wal" else {
                throw DatabaseError(message: "could not activate WAL Mode at path: \(path)")
            }
            // A commit survives a power failure: a fence of 24 hours must not be lost.
            try opened.execute("PRAGMA synchronous = FULL")
            try Self.migrate(opened, path)
            database = opened
            let version = try database.integer("PRAGMA data_version")
            lastSeenVersion.withLock { $0 = version }
        } catch let error as EventStoreError {
            throw error
        } catch {
            throw Self.opening(path, error)
        }
    }

    /// Opens `lazaret.db` in `directory` to read it, also while a monitor writes.
    ///
    /// - Throws: `.missing`; `.open`; `.damaged`; `.foreign`; `.newer`; `.older`.
    public init(reading directory: String) throws(EventStoreError) {
        path = directory + "/lazaret.db"
        processLock = ProcessLock(path: directory + "/lazaret.lock")
        if case .some(.noSuchFileOrDirectory) = Self.whyNoStatus(path) {
            throw .missing(path: path)
        }
        do {
            let opened = try Database(
                path: directory.realPath + "/lazaret.db", waiting: 10_000, isReadOnly: true)
            let steps = try Self.stepsTaken(opened)
            // Every version has taken the first step.
            guard steps.contains("1") else { throw EventStoreError.foreign(path: path) }
            guard steps.isSubset(of: Self.steps.keys) else {
                throw EventStoreError.newer(path: path)
            }
            guard steps.count == Self.steps.count else { throw EventStoreError.older(path: path) }
            database = opened
        } catch let error as EventStoreError {
            throw error
        } catch {
            throw Self.opening(path, error)
        }
    }

    /// Opens `lazaret.db` in `directory`, which is created if it is missing, with access for its
    /// owner only.
    public convenience init(directory: String) throws(EventStoreError) {
        try Self.make(directory)
        try self.init(path: directory + "/lazaret.db")
    }

    /// The same, for a monitor: a damaged store is renamed, and a new one created. The next
    /// reconciliation adds the rules that the kernel still has.
    ///
    /// - Parameters:
    ///   - now: for the damaged file's new name.
    ///   - report: called with one line if the store was damaged.
    public static func repairing(
        directory: String, now: Timestamp, report: (String) -> Void
    ) throws(EventStoreError) -> EventStore {
        try make(directory)
        let path = directory + "/lazaret.db"
        var damage: String?
        do throws(EventStoreError) {
            let store = try EventStore(path: path)
            damage = try store.damage()
            if damage == nil { return store }
        } catch .damaged(_, let why) {
            damage = why
        } catch { throw error }
        let aside = "\(path).damaged-\(now.second)"
        do { try Files.rename(path, to: aside) } catch {
            throw .open(path: path, why: "\(error)")
        }
        for ending in ["-wal", "-shm"] { try? Files.rename(path + ending, to: aside + ending) }
        report(
            "\(path): damaged (\(damage ?? "")); renamed to \(aside); a new store is used: "
                + "history and audit trail are empty, fences in the kernel stay active")
        return try EventStore(path: path)
    }

    /// Creates a store's directory if it is missing, with access for its owner only.
    public static func make(_ directory: String) throws(EventStoreError) {
        do { try Files.makeFolder(directory) } catch {
            throw .open(path: directory, why: "\(error)")
        }
    }

    /// Why there are no facts about a file; nil: there are.
    private static func whyNoStatus(_ path: String) -> Errno? {
        do throws(Errno) {
            _ = try Files.status(path)
            return nil
        } catch { return error }
    }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return String(path[..<slash])
    }

    private static func opening(_ path: String, _ error: any Error) -> EventStoreError {
        return (error as? DatabaseError)?.isDamage == true
            ? .damaged(path: path, why: words(error)) : .open(path: path, why: words(error))
    }

    /// The migrations of the schema, by name.
    private static let steps = [
        "1": schema, "2": incidentSchema,
        "3": "CREATE TABLE stats (time INTEGER PRIMARY KEY, body TEXT NOT NULL)",
        "4": "ALTER TABLE fences ADD COLUMN port TEXT",
        "5": "ALTER TABLE fences ADD COLUMN evidence TEXT NOT NULL DEFAULT ''",
        "6-triage": triageSchema, "7-responses": responseSchema, "8-minutes": minutesSchema,
        "9-fence-ids": "CREATE INDEX fences_by_id ON fences (id)",
        "9-runtime": runtimeEventSchema, "9-risk": riskSchema,
    ]

    /// Applies the schema migrations that the file lacks.
    private static func migrate(_ database: borrowing Database, _ path: String) throws {
        let before = try stepsTaken(database)
        guard before.isSubset(of: steps.keys) else { throw EventStoreError.newer(path: path) }
        guard before.count < steps.count else { return }
        // Another program may do the same: the missing ones are queried again under the write lock.
        try database.transaction("BEGIN IMMEDIATE") { database in
            // The name comes from the library that first maintained this table.
            try database.execute(
                "CREATE TABLE IF NOT EXISTS grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY)")
            let before = try stepsTaken(database)
            for (name, statements) in steps.sorted(by: { $0.key < $1.key })
            where !before.contains(name) {
                try database.execute(statements)
                try database.execute("INSERT INTO grdb_migrations VALUES (?)", [name])
            }
        }
    }

    private static func stepsTaken(_ database: borrowing Database) throws -> Set<String> {
        let isThere = try database.integer(
            "SELECT count(*) FROM sqlite_master WHERE name = 'grdb_migrations'")
        guard isThere == 1 else { return [] }
        return try Set(database.all("SELECT identifier FROM grdb_migrations") { $0.text(0) })
    }

    private static let schema = """
        CREATE TABLE fences (
            target TEXT NOT NULL, response TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL,
            created INTEGER NOT NULL, until INTEGER NOT NULL, level INTEGER NOT NULL,
            reason TEXT NOT NULL, event TEXT NOT NULL, features TEXT NOT NULL, workload TEXT,
            actor TEXT NOT NULL, forced INTEGER NOT NULL, dry INTEGER NOT NULL,
            packets INTEGER NOT NULL, bytes INTEGER NOT NULL, ending TEXT NOT NULL,
            PRIMARY KEY (target, response, id)) WITHOUT ROWID;
        CREATE INDEX open_fences ON fences (state) WHERE state <> 'ended';
        CREATE INDEX ended_fences ON fences (until) WHERE state = 'ended';
        CREATE TABLE audit (
            number INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor TEXT NOT NULL,
            action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL,
            hash TEXT NOT NULL);
        CREATE TABLE audit_ends (
            one INTEGER PRIMARY KEY CHECK (one = 1), first INTEGER NOT NULL,
            before TEXT NOT NULL, last INTEGER NOT NULL, hash TEXT NOT NULL);
        INSERT INTO audit_ends VALUES (1, 1, '', 0, '');
        CREATE TABLE events (
            id TEXT PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL,
            subject TEXT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
        CREATE INDEX events_by_time ON events (time);
        CREATE TABLE models (
            id TEXT PRIMARY KEY, created INTEGER NOT NULL, path TEXT NOT NULL,
            note TEXT NOT NULL, active INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        """

    // The table has row numbers: without them, a row above a quarter of a page would use a page of
    // its own.
    private static let incidentSchema = """
        CREATE TABLE incidents (
            id TEXT PRIMARY KEY, start INTEGER NOT NULL, end INTEGER NOT NULL,
            offender TEXT NOT NULL, workload TEXT NOT NULL, body TEXT NOT NULL);
        ALTER TABLE events RENAME TO old_events;
        DROP INDEX events_by_time;
        CREATE TABLE events (
            id TEXT PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL,
            subject TEXT NOT NULL, body TEXT NOT NULL);
        INSERT INTO events SELECT id, time, kind, subject, body FROM old_events;
        DROP TABLE old_events;
        CREATE INDEX events_by_time ON events (time);
        CREATE INDEX incidents_by_start ON incidents (start);
        """

    static func words(_ error: any Error) -> String {
        (error as? DatabaseError)?.message ?? "\(error)"
    }

    /// Runs `body` in a read transaction, so that it sees the state of one moment.
    func read<T: Sendable>(_ body: (borrowing Database) throws -> T) throws(EventStoreError) -> T {
        try transaction("BEGIN", body)
    }

    /// Runs `body` in a transaction that acquires the write lock first, so that its reads stay
    /// current.
    func write<T: Sendable>(_ body: (borrowing Database) throws -> T) throws(EventStoreError) -> T {
        try transaction("BEGIN IMMEDIATE", body)
    }

    private func transaction<T: Sendable>(
        _ begin: String, _ body: (borrowing Database) throws -> T
    ) throws(EventStoreError) -> T {
        do {
            return try turn.withLock { _ in try database.transaction(begin, body) }
        } catch { throw .database(Self.words(error)) }
    }

    /// Sets how long to wait for another process that holds the file or the lock; 10 s by default.
    public func waits(_ patience: Interval) throws(EventStoreError) {
        processLock.setPatience(patience)
        turn.withLock { _ in
            database.waits(milliseconds: Int32(clamping: patience.wholeMilliseconds))
        }
    }

    /// The value stored under `name`, or nil.
    public func setting(_ name: String) throws(EventStoreError) -> String? {
        try read { try $0.text("SELECT value FROM settings WHERE name = ?", [name]) }
    }

    /// Stores `value` under `name`, replacing an earlier one.
    public func set(_ name: String, to value: String) throws(EventStoreError) {
        try write { try Self.set(name, to: value, $0) }
    }

    static func set(_ name: String, to value: String, _ database: borrowing Database) throws {
        try database.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", [name, value])
    }
}
