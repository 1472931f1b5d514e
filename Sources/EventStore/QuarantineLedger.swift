internal import FoundationEssentials
internal import Glibc
public import Quarantine
internal import Synchronization
internal import SystemSupport

/// The quarantine's ledger in the event store, with a lock between processes.
public final class QuarantineLedger: FenceLedger {
    private let store: EventStore
    private let lockFile: Int32
    /// How long it waits for another program's lock, in nanoseconds.
    private let patience: Int64
    private let state: Mutex<State>

    private struct State {
        var depth = 0
        var mark: Int64
    }

    /// Opens the ledger in `directory`, which is made if it is missing.
    ///
    /// - Throws: `.ledger` with the file and the cure.
    public convenience init(directory: String) throws(QuarantineError) {
        try self.init(store: Self.openStore(directory: directory), directory: directory)
    }

    /// Uses a store that is open already; `directory` is where it lies.
    ///
    /// - Parameter patience: milliseconds to wait for another program that uses the ledger.
    public init(
        store: EventStore, directory: String, patience: Int = 10_000
    ) throws(QuarantineError) {
        self.store = store
        self.patience = Int64(patience) * 1_000_000
        let path = directory + "/lazaret.lock"
        let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path, errno) }
        lockFile = descriptor
        do {
            state = Mutex(State(mark: try store.foreignChanges()))
        } catch {
            close(descriptor)
            throw .ledger("\(error)")
        }
    }

    deinit { close(lockFile) }

    /// Opens `lazaret.db` in `directory`, which is made if it is missing, readable by root only.
    public static func openStore(directory: String) throws(QuarantineError) -> EventStore {
        if unsafe mkdir(directory, 0o700) != 0, errno != EEXIST { throw failure(directory, errno) }
        do { return try EventStore(path: directory + "/lazaret.db") } catch {
            throw .ledger("\(error)")
        }
    }

    /// The same, for a monitor: a store that is damaged is set aside, and a new one begun. What the kernel still
    /// fences is written down in it again when both are made to agree.
    ///
    /// - Parameter tell: gets one line where that was needed.
    package static func openStore(
        directory: String, mending tell: (String) -> Void
    ) throws(QuarantineError) -> EventStore {
        if unsafe mkdir(directory, 0o700) != 0, errno != EEXIST { throw failure(directory, errno) }
        let path = directory + "/lazaret.db"
        var damage: String?
        do throws(EventStoreError) {
            let store = try EventStore(path: path)
            damage = try store.damage()
            if damage == nil { return store }
        } catch .damaged(_, let why) {
            damage = why
        } catch { throw .ledger("\(error)") }
        let aside = "\(path).damaged-\(Clock.now() / 1_000_000_000)"
        // SAFETY: the paths are lent for the calls.
        guard unsafe rename(path, aside) == 0 else { throw failure(path, errno) }
        for ending in ["-wal", "-shm"] { unsafe _ = rename(path + ending, aside + ending) }
        tell(
            "\(path): damaged (\(damage ?? "")); set aside as \(aside), and a new one begun: history and audit "
                + "trail begin anew, fences that stand in the kernel go on")
        return try openStore(directory: directory)
    }

    private static func failure(_ path: String, _ code: Int32) -> QuarantineError {
        // SAFETY: the text is copied before another call could change it.
        let text = unsafe String(cString: strerror(code))
        return .ledger("\(path): \(text); --state names another directory")
    }

    public func openRows() throws(QuarantineError) -> [FenceRow] {
        do { return try store.openFences { FenceRow($0) } } catch {
            throw .ledger("\(error)")
        }
    }

    public func write(_ rows: [FenceRow], _ notes: [AuditNote]) throws(QuarantineError) {
        do {
            try store.record(
                fences: rows.map(StoredFence.init),
                audit: notes.map {
                    AuditEntry(
                        time: $0.time, actor: $0.actor, action: $0.action, subject: $0.subject,
                        detail: $0.detail)
                })
        } catch { throw .ledger("\(error)") }
    }

    public func hasChangedElsewhere() throws(QuarantineError) -> Bool {
        do {
            let mark = try store.foreignChanges()
            return state.withLock { state in
                defer { state.mark = mark }
                return state.mark != mark
            }
        } catch { throw .ledger("\(error)") }
    }

    public func lock() throws(QuarantineError) -> Int64 {
        let isFirst = state.withLock { state in
            state.depth += 1
            return state.depth == 1
        }
        guard isFirst else { return 0 }
        let began = Clock.monotonic()
        while flock(lockFile, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            guard code == EINTR || code == EWOULDBLOCK, Clock.monotonic() - began < patience
            else {
                state.withLock { $0.depth -= 1 }
                guard code == EWOULDBLOCK else { throw Self.failure("lock", code) }
                throw .ledger(
                    "another program has been using the ledger for \(patience / 1_000_000_000) s")
            }
            usleep(5000)
        }
        return Clock.monotonic() - began
    }

    public func unlock() {
        let isLast = state.withLock { state in
            state.depth -= 1
            return state.depth == 0
        }
        if isLast { flock(lockFile, LOCK_UN) }
    }

    public func setting(_ name: String) throws(QuarantineError) -> String? {
        do { return try store.setting(name) } catch { throw .ledger("\(error)") }
    }

    public func set(_ name: String, to value: String) throws(QuarantineError) {
        do { try store.set(name, to: value) } catch { throw .ledger("\(error)") }
    }
}

extension FenceRow {
    /// Nil for a row whose words mean nothing; such a row was not written by this program.
    fileprivate init?(_ stored: StoredFence) {
        guard let target = FenceTarget(stored.target),
            let response = FenceResponse(rawValue: stored.response),
            let state = State(rawValue: stored.state)
        else { return nil }
        self.init(
            id: stored.id, target: target, response: response, state: state,
            created: stored.created, until: stored.until, level: stored.level,
            reason: stored.reason, eventID: stored.eventID, features: stored.features,
            workload: stored.workload, actor: stored.actor, isForced: stored.isForced,
            isDryRun: stored.isDryRun, packets: stored.packets, bytes: stored.bytes,
            ending: stored.ending)
    }
}

extension StoredFence {
    fileprivate init(_ row: FenceRow) {
        self.init(
            target: "\(row.target)", response: row.response.rawValue, id: row.id,
            state: row.state.rawValue, created: row.created, until: row.until, level: row.level,
            reason: row.reason, eventID: row.eventID, features: row.features,
            workload: row.workload, actor: row.actor, isForced: row.isForced,
            isDryRun: row.isDryRun, packets: row.packets, bytes: row.bytes, ending: row.ending)
    }
}
