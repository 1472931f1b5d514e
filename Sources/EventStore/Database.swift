internal import CSQLite
internal import Timestamps

/// What SQLite answered instead of doing what it was asked.
struct DatabaseError: Error {
    /// A primary result code, `SQLITE_BUSY` and so on.
    let code: Int32
    /// SQLite's own words.
    let message: String
}

extension DatabaseError {
    /// - Parameter code: what a call answered.
    fileprivate init(_ code: Int32, of connection: OpaquePointer?) {
        // SAFETY: the text is SQLite's own until the next call; it is copied here.
        unsafe self.init(code: code & 0xff, message: String(cString: sqlite3_errmsg(connection)))
    }

    /// What is wrong though SQLite found nothing.
    init(message: String) { self.init(code: SQLITE_ERROR, message: message) }
}

/// A value that SQLite can keep.
protocol DatabaseValue {
    /// Gives the value to the parameter of that number, counted from 1.
    func bind(to statement: borrowing Statement, at index: Int32) -> Int32
}

/// One connection to a database file, used by one thread at a time.
// Unchecked: a connection may move between threads; `EventStore` takes turns at its own.
@safe struct Database: ~Copyable, @unchecked Sendable {
    private let handle: OpaquePointer

    /// Opens the file, and makes it if it is missing; a link is not followed.
    ///
    /// - Parameter milliseconds: how long a statement waits for who holds the file.
    init(path: String, waiting milliseconds: Int32) throws(DatabaseError) {
        var opened: OpaquePointer?
        // Without a mutex of SQLite's: one user at a time is what this type promises.
        let flags =
            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW
        let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let made = unsafe opened else {
            // SAFETY: there may be a connection all the same, for its words; nil does no harm.
            defer { unsafe _ = sqlite3_close_v2(opened) }
            throw unsafe DatabaseError(code, of: opened)
        }
        unsafe handle = made
        waits(milliseconds: milliseconds)
    }

    // SAFETY: the connection is ours alone, and no statement outlives the call that made it.
    deinit { unsafe sqlite3_close_v2(handle) }

    /// A statement waits no longer than this for who holds the file.
    func waits(milliseconds: Int32) { unsafe _ = sqlite3_busy_timeout(handle, milliseconds) }

    private func check(_ code: Int32) throws(DatabaseError) {
        guard code != SQLITE_OK else { return }
        throw unsafe DatabaseError(code, of: handle)
    }

    /// Runs statements that take no values and give none.
    func execute(_ sql: String) throws(DatabaseError) {
        try unsafe check(sqlite3_exec(handle, sql, nil, nil, nil))
    }

    /// Runs one statement with values for its question marks.
    func execute(_ sql: String, _ values: [any DatabaseValue]) throws(DatabaseError) {
        let statement = try prepare(sql)
        try statement.execute(values)
    }

    func prepare(_ sql: String) throws(DatabaseError) -> Statement {
        var made: OpaquePointer?
        try unsafe check(sqlite3_prepare_v2(handle, sql, -1, &made, nil))
        guard let statement = unsafe made else { throw DatabaseError(message: "no statement") }
        return unsafe Statement(statement)
    }

    /// Hands each row to `body`, until there are no more or it returns false.
    func rows(
        _ sql: String, _ values: [any DatabaseValue] = [],
        _ body: (borrowing Statement) throws -> Bool
    ) throws {
        let statement = try prepare(sql)
        try statement.bind(values)
        while try statement.step(), try body(statement) {}
    }

    /// What `body` makes of each row; nil is left out.
    func all<T>(
        _ sql: String, _ values: [any DatabaseValue] = [],
        _ body: (borrowing Statement) -> T?
    ) throws -> [T] {
        var found: [T] = []
        try rows(sql, values) {
            if let made = body($0) { found.append(made) }
            return true
        }
        return found
    }

    /// What `body` makes of the first row; nil where there is none.
    func first<T>(
        _ sql: String, _ values: [any DatabaseValue] = [],
        _ body: (borrowing Statement) -> T
    ) throws -> T? {
        var found: T?
        try rows(sql, values) {
            found = body($0)
            return false
        }
        return found
    }

    /// The number of a statement that has always one, such as a count.
    func integer(_ sql: String) throws -> Int64 { try first(sql) { $0.integer(0) } ?? 0 }

    /// The text in the first column of the first row.
    func text(_ sql: String, _ values: [any DatabaseValue] = []) throws -> String? {
        try first(sql, values) { $0.text(0) }
    }

    /// Rows that the last statement has inserted, changed or deleted.
    var changesCount: Int { unsafe Int(sqlite3_changes(handle)) }

    /// All of `body` or nothing of it; it begins with `begin`.
    func transaction<T>(_ begin: String, _ body: (borrowing Database) throws -> T) throws -> T {
        try execute(begin)
        do {
            let result = try body(self)
            try execute("COMMIT")
            return result
        } catch {
            // After some errors SQLite has rolled back already.
            if unsafe sqlite3_get_autocommit(handle) == 0 { try? execute("ROLLBACK") }
            throw error
        }
    }
}

/// One statement, to be run once or often; also the row at which it stands.
@safe struct Statement: ~Copyable {
    fileprivate let handle: OpaquePointer

    // SAFETY: the caller hands over a statement that nobody else finalizes.
    fileprivate init(_ handle: OpaquePointer) { unsafe self.handle = handle }

    deinit { unsafe sqlite3_finalize(handle) }

    private func check(_ code: Int32) throws(DatabaseError) {
        guard code != SQLITE_OK else { return }
        throw unsafe DatabaseError(code, of: sqlite3_db_handle(handle))
    }

    /// Gives its values to the question marks, one to each.
    func bind(_ values: [any DatabaseValue]) throws(DatabaseError) {
        precondition(unsafe values.count == sqlite3_bind_parameter_count(handle))
        for (index, value) in values.enumerated() {
            try check(value.bind(to: self, at: Int32(index + 1)))
        }
    }

    /// Goes to the next row.
    func step() throws(DatabaseError) -> Bool {
        let code = unsafe sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE { return false }
        try check(code)
        return false
    }

    /// Runs it to its end with these values, and makes it ready to run again.
    func execute(_ values: [any DatabaseValue]) throws(DatabaseError) {
        // Its result repeats that of `step`.
        defer { unsafe _ = sqlite3_reset(handle) }
        try bind(values)
        while try step() {}
    }

    /// The number in a column, counted from 0.
    func time(_ column: Int32) -> Timestamp { Timestamp(nanoseconds: integer(column)) }

    func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }

    func bool(_ column: Int32) -> Bool { integer(column) != 0 }

    /// The text in a column, counted from 0; empty where there is none.
    func text(_ column: Int32) -> String { optionalText(column) ?? "" }

    func optionalText(_ column: Int32) -> String? {
        // SAFETY: the text is SQLite's own until the next step; it is copied here.
        guard let start = unsafe sqlite3_column_text(handle, column) else { return nil }
        let count = unsafe Int(sqlite3_column_bytes(handle, column))
        return unsafe String(
            decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }
}

extension Timestamp: DatabaseValue {
    func bind(to statement: borrowing Statement, at index: Int32) -> Int32 {
        nanoseconds.bind(to: statement, at: index)
    }
}

extension Int64: DatabaseValue {
    func bind(to statement: borrowing Statement, at index: Int32) -> Int32 {
        unsafe sqlite3_bind_int64(statement.handle, index, self)
    }
}

extension Int: DatabaseValue {
    func bind(to statement: borrowing Statement, at index: Int32) -> Int32 {
        Int64(self).bind(to: statement, at: index)
    }
}

extension Bool: DatabaseValue {
    func bind(to statement: borrowing Statement, at index: Int32) -> Int32 {
        Int64(self ? 1 : 0).bind(to: statement, at: index)
    }
}

extension String: DatabaseValue {
    func bind(to statement: borrowing Statement, at index: Int32) -> Int32 {
        guard let count = Int32(exactly: utf8.count) else { return SQLITE_TOOBIG }
        // SAFETY: SQLite copies `count` bytes during the call.
        return unsafe lazaret_bind_text(statement.handle, index, self, count)
    }
}

extension String?: DatabaseValue {
    func bind(to statement: borrowing Statement, at index: Int32) -> Int32 {
        switch self {
        case .some(let text): text.bind(to: statement, at: index)
        case nil: unsafe sqlite3_bind_null(statement.handle, index)
        }
    }
}
