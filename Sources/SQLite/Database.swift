internal import CSQLite
package import Timestamps

/// An error of SQLite.
package struct DatabaseError: Error {
    /// A primary result code, `SQLITE_BUSY` and so on.
    package let code: Int32
    /// SQLite's own message.
    package let message: String
}

extension DatabaseError {
    /// - Parameter code: the result code of a call.
    fileprivate init(_ code: Int32, of connection: OpaquePointer?) {
        // SAFETY: the text is SQLite's own until the next call; it is copied here.
        unsafe self.init(code: code & 0xff, message: String(cString: sqlite3_errmsg(connection)))
    }

    /// An error that SQLite has not reported.
    package init(message: String) { self.init(code: SQLITE_ERROR, message: message) }
}

extension DatabaseError {
    /// Whether the file is damaged, or is no database.
    package var isDamage: Bool { code == SQLITE_CORRUPT || code == SQLITE_NOTADB }
}

/// A value that can be stored in SQLite.
package protocol DatabaseValue {
    /// Binds the value to the parameter of that number, counted from 1.
    func bind(to statement: borrowing Statement, at index: Int32) -> Int32
}

/// A connection to a database file, used by one thread at a time.
// Unchecked: a connection may move between threads; `EventStore` serializes access to its own.
@safe package struct Database: ~Copyable, @unchecked Sendable {
    private let handle: OpaquePointer

    /// Opens the file, and creates it if it is missing; symbolic links are not followed.
    ///
    /// - Parameters:
    ///   - milliseconds: how long a statement waits for another connection's lock.
    ///   - isReadOnly: nothing is written, and a missing file is an error.
    package init(
        path: String, waiting milliseconds: Int32, isReadOnly: Bool = false
    ) throws(DatabaseError) {
        var opened: OpaquePointer?
        // Without SQLite's mutex: the caller ensures that only one thread uses the connection.
        let access =
            isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
        let flags = access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW
        let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let made = unsafe opened else {
            // SAFETY: there may be a connection despite the error, which has the message; closing
            // nil is harmless.
            defer { unsafe _ = sqlite3_close_v2(opened) }
            throw unsafe DatabaseError(code, of: opened)
        }
        unsafe handle = made
        waits(milliseconds: milliseconds)
    }

    // SAFETY: only this value owns the connection, and no statement outlives the call that created
    // it.
    deinit { unsafe sqlite3_close_v2(handle) }

    /// Sets how long a statement waits for another connection's lock.
    package func waits(milliseconds: Int32) {
        unsafe _ = sqlite3_busy_timeout(handle, milliseconds)
    }

    private func check(_ code: Int32) throws(DatabaseError) {
        guard code != SQLITE_OK else { return }
        throw unsafe DatabaseError(code, of: handle)
    }

    /// Runs statements that have no values and return no rows.
    package func execute(_ sql: String) throws(DatabaseError) {
        try unsafe check(sqlite3_exec(handle, sql, nil, nil, nil))
    }

    /// Runs one statement with values for its parameters.
    package func execute(_ sql: String, _ values: [any DatabaseValue]) throws(DatabaseError) {
        let statement = try prepare(sql)
        try statement.execute(values)
    }

    package func prepare(_ sql: String) throws(DatabaseError) -> Statement {
        var made: OpaquePointer?
        try unsafe check(sqlite3_prepare_v2(handle, sql, -1, &made, nil))
        guard let statement = unsafe made else { throw DatabaseError(message: "no statement") }
        return unsafe Statement(statement)
    }

    /// Calls `body` with each row, until there are no more or it returns false.
    package func rows(
        _ sql: String, _ values: [any DatabaseValue] = [],
        _ body: (borrowing Statement) throws -> Bool
    ) throws {
        let statement = try prepare(sql)
        try statement.bind(values)
        while try statement.step(), try body(statement) {}
    }

    /// The results of `body` for each row, without nil.
    package func all<T>(
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

    /// The result of `body` for the first row; nil if there is none.
    package func first<T>(
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

    /// The integer that a statement such as a count returns.
    package func integer(_ sql: String) throws -> Int64 { try first(sql) { $0.integer(0) } ?? 0 }

    /// The text in the first column of the first row.
    package func text(_ sql: String, _ values: [any DatabaseValue] = []) throws -> String? {
        try first(sql, values) { $0.text(0) }
    }

    /// The number of rows that the last statement has inserted, changed or deleted.
    package var changesCount: Int { unsafe Int(sqlite3_changes(handle)) }

    /// Runs `body` in a transaction, which is started with `begin` and rolled back on an error.
    package func transaction<T>(_ begin: String, _ body: (borrowing Database) throws -> T) throws
        -> T
    {
        try execute(begin)
        do {
            let result = try body(self)
            try execute("COMMIT")
            return result
        } catch {
            // After some errors SQLite has already rolled back.
            if unsafe sqlite3_get_autocommit(handle) == 0 { try? execute("ROLLBACK") }
            throw error
        }
    }
}

/// A prepared statement, with its current row.
@safe package struct Statement: ~Copyable {
    fileprivate let handle: OpaquePointer

    // SAFETY: the caller transfers a statement that no one else finalizes.
    fileprivate init(_ handle: OpaquePointer) { unsafe self.handle = handle }

    deinit { unsafe sqlite3_finalize(handle) }

    private func check(_ code: Int32) throws(DatabaseError) {
        guard code != SQLITE_OK else { return }
        throw unsafe DatabaseError(code, of: sqlite3_db_handle(handle))
    }

    /// Binds one value to each parameter.
    package func bind(_ values: [any DatabaseValue]) throws(DatabaseError) {
        precondition(unsafe values.count == sqlite3_bind_parameter_count(handle))
        for (index, value) in values.enumerated() {
            try check(value.bind(to: self, at: Int32(index + 1)))
        }
    }

    /// Advances to the next row.
    package func step() throws(DatabaseError) -> Bool {
        let code = unsafe sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE { return false }
        try check(code)
        return false
    }

    /// Makes the statement ready for other values. An error was thrown by `step` already.
    package func reset() { unsafe _ = sqlite3_reset(handle) }

    /// Runs the statement with these values to its end, and resets it.
    package func execute(_ values: [any DatabaseValue]) throws(DatabaseError) {
        // The result of `reset` repeats that of `step`.
        defer { reset() }
        try bind(values)
        while try step() {}
    }

    /// The number in a column, counted from 0.
    package func time(_ column: Int32) -> Timestamp { Timestamp(nanoseconds: integer(column)) }

    package func integer(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(handle, column) }

    package func bool(_ column: Int32) -> Bool { integer(column) != 0 }

    /// The text in a column, counted from 0; empty for NULL.
    package func text(_ column: Int32) -> String { optionalText(column) ?? "" }

    package func optionalText(_ column: Int32) -> String? {
        guard unsafe sqlite3_column_type(handle, column) != SQLITE_NULL else { return nil }
        return String(decoding: bytes(column), as: UTF8.self)
    }

    /// The bytes of a text as stored: not cut at a zero byte, and not repaired.
    package func bytes(_ column: Int32) -> [UInt8] {
        // SAFETY: SQLite keeps the text until the next step; it is copied here.
        guard let start = unsafe sqlite3_column_text(handle, column) else { return [] }
        let count = unsafe Int(sqlite3_column_bytes(handle, column))
        return unsafe Array(UnsafeBufferPointer(start: start, count: count))
    }

    /// The bytes of a value that was stored as bytes.
    package func blob(_ column: Int32) -> [UInt8] {
        // SAFETY: SQLite keeps the bytes until the next step; they are copied here.
        guard let start = unsafe sqlite3_column_blob(handle, column) else { return [] }
        let count = unsafe Int(sqlite3_column_bytes(handle, column))
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    package func isInteger(_ column: Int32) -> Bool {
        unsafe sqlite3_column_type(handle, column) == SQLITE_INTEGER
    }

    package func isText(_ column: Int32) -> Bool {
        unsafe sqlite3_column_type(handle, column) == SQLITE_TEXT
    }
}

extension Timestamp: DatabaseValue {
    package func bind(to statement: borrowing Statement, at index: Int32) -> Int32 {
        nanoseconds.bind(to: statement, at: index)
    }
}

extension Int64: DatabaseValue {
    package func bind(to statement: borrowing Statement, at index: Int32) -> Int32 {
        unsafe sqlite3_bind_int64(statement.handle, index, self)
    }
}

extension Int: DatabaseValue {
    package func bind(to statement: borrowing Statement, at index: Int32) -> Int32 {
        Int64(self).bind(to: statement, at: index)
    }
}

extension Bool: DatabaseValue {
    package func bind(to statement: borrowing Statement, at index: Int32) -> Int32 {
        Int64(self ? 1 : 0).bind(to: statement, at: index)
    }
}

extension String: DatabaseValue {
    package func bind(to statement: borrowing Statement, at index: Int32) -> Int32 {
        guard let count = Int32(exactly: utf8.count) else { return SQLITE_TOOBIG }
        // SAFETY: SQLite copies `count` bytes during the call.
        return unsafe lazaret_bind_text(statement.handle, index, self, count)
    }
}

extension [UInt8]: DatabaseValue {
    package func bind(to statement: borrowing Statement, at index: Int32) -> Int32 {
        guard let count = Int32(exactly: self.count) else { return SQLITE_TOOBIG }
        // SAFETY: SQLite copies `count` bytes during the call.
        return unsafe withUnsafeBytes {
            unsafe lazaret_bind_blob(statement.handle, index, $0.baseAddress, count)
        }
    }
}

extension String?: DatabaseValue {
    package func bind(to statement: borrowing Statement, at index: Int32) -> Int32 {
        switch self {
        case .some(let text): text.bind(to: statement, at: index)
        case nil: unsafe sqlite3_bind_null(statement.handle, index)
        }
    }
}
