internal import SQLite
internal import SystemPackage
internal import SystemSupport
internal import Timestamps

/// The file of the history, for its only writer: SQLite (WAL) with one row for each block of flows.
///
/// A block is written in one transaction, so a program that is killed leaves whole blocks. Readers
/// have connections of their own, and see the blocks of one moment.
final class HistoryFile: Sendable {
    let database: Database
    let path: String

    /// `LzFl`, in the file's header.
    static let format: Int64 = 0x4C7A_466C
    /// Version 1 has no filters, and one frame for all columns of a block. It is read; the first
    /// writer makes it one of this version, in which older blocks stay as they are.
    static let version: Int64 = 2

    /// The name of the file in the state directory.
    static let name = "flows.db"

    /// Opens the file, and creates it if it is missing.
    init(path: String) throws(HistoryError) {
        self.path = path
        // Only its owner may read who talks to whom. An existing file is not opened here: closing
        // any descriptor of it would release SQLite's locks.
        _ = try? OpenFile(path, .writeOnly, [.create, .exclusiveCreate])
        do {
            let opened = try Database(path: Self.resolved(path), waiting: 1000)
            try opened.execute("PRAGMA journal_size_limit = 16777216")
            let mode = try opened.text("PRAGMA journal_mode = WAL")
            guard mode == "wal" else {
                throw HistoryError.open(path: path, why: "no write-ahead log is possible")
            }
            // A power failure may cost the last seconds, but does not damage the file.
            try opened.execute("PRAGMA synchronous = NORMAL")
            try Self.prepare(opened, path)
            database = opened
        } catch let error as DatabaseError where !error.isDamage {
            throw .open(path: path, why: error.message)
        } catch {
            throw HistoryError(error, path)
        }
    }

    /// SQLite rejects links anywhere in a path, so the directory's links are resolved.
    static func resolved(_ path: String) -> String {
        let folder = path.parentPath
        return (folder.isEmpty ? "." : folder).realPath + "/" + path.lastPathComponent
    }

    private static func prepare(_ database: borrowing Database, _ path: String) throws {
        let tables = try database.integer("SELECT count(*) FROM sqlite_master")
        if tables > 0 { try check(database, path) }
        guard try database.integer("PRAGMA user_version") < version else { return }
        try database.transaction("BEGIN IMMEDIATE") { database in
            try database.execute(
                """
                PRAGMA application_id = \(format);
                PRAGMA user_version = \(version);
                CREATE TABLE IF NOT EXISTS blocks (
                    number INTEGER PRIMARY KEY, count INTEGER NOT NULL, first INTEGER NOT NULL,
                    last INTEGER NOT NULL, hosts BLOB NOT NULL, columns BLOB NOT NULL);
                CREATE TABLE IF NOT EXISTS filters (
                    number INTEGER PRIMARY KEY, filter BLOB NOT NULL);
                """)
        }
    }

    /// Checks that the file is a history of a version that this program reads.
    static func check(_ database: borrowing Database, _ path: String) throws {
        guard try database.integer("PRAGMA application_id") == format else {
            throw HistoryError.damaged(path: path, why: "it is no history of flows")
        }
        let found = try database.integer("PRAGMA user_version")
        guard found <= version else { throw HistoryError.newer(path: path) }
        guard found >= 1 else {
            throw HistoryError.damaged(path: path, why: "its version is \(found)")
        }
    }

    /// The number of flows, their earliest start, and the number that the next flow gets.
    func summary() throws(HistoryError) -> (flows: Int64, oldest: Timestamp?, next: Int64) {
        do {
            let row = try database.first(
                """
                SELECT coalesce(sum(min(count, \(FlowBlock.rowLimit))), 0), min(first),
                    coalesce(max(number + count), 1)
                FROM blocks
                """
            ) { ($0.integer(0), $0.optionalText(1).flatMap { Int64($0) }, $0.integer(2)) }
            guard let (flows, oldest, next) = row, (1...(1 << 62)).contains(next) else {
                throw HistoryError.damaged(path: path, why: "the numbers of flows are wrong")
            }
            return (flows, oldest.map(Timestamp.init(milliseconds:)), next)
        } catch { throw HistoryError(error, path) }
    }

    /// Writes blocks in one transaction.
    ///
    /// - Parameters:
    ///   - blocks: each with the number of its first flow.
    ///   - first: blocks from this number on are replaced.
    func write(
        _ blocks: [(number: Int64, block: FlowBlock.Encoded)], replacing first: Int64?
    ) throws(HistoryError) {
        do {
            try database.transaction("BEGIN IMMEDIATE") { database in
                if let first {
                    try database.execute("DELETE FROM blocks WHERE number >= ?", [first])
                    try database.execute("DELETE FROM filters WHERE number >= ?", [first])
                }
                let insert = try database.prepare("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?)")
                let filter = try database.prepare("INSERT OR REPLACE INTO filters VALUES (?, ?)")
                for (number, block) in blocks {
                    try insert.execute([
                        number, block.count, block.first, block.last, block.hosts, block.columns,
                    ])
                    try filter.execute([number, block.filter])
                }
            }
        } catch { throw HistoryError(error, path) }
    }

    /// Deletes blocks that ended before `time`, if given, and then the oldest ones while the used
    /// pages exceed `bytes`.
    func prune(before time: Timestamp?, largerThan bytes: Int64) throws(HistoryError) {
        do {
            if let time {
                try delete("SELECT number FROM blocks WHERE last < ?", [time.milliseconds])
            }
            while try usedBytes() > bytes {
                try delete("SELECT number FROM blocks ORDER BY number LIMIT 1", [])
                guard database.changesCount > 0 else { return }
            }
        } catch { throw HistoryError(error, path) }
    }

    /// Deletes the blocks with these numbers, with their filters.
    private func delete(_ numbers: String, _ values: [any DatabaseValue]) throws {
        try database.transaction("BEGIN IMMEDIATE") { database in
            try database.execute("DELETE FROM filters WHERE number IN (\(numbers))", values)
            try database.execute("DELETE FROM blocks WHERE number IN (\(numbers))", values)
        }
    }

    /// The bytes of the pages in use; free pages are used again before the file grows.
    func usedBytes() throws(HistoryError) -> Int64 {
        do {
            let pages =
                try database.integer("PRAGMA page_count")
                - database.integer("PRAGMA freelist_count")
            return try pages * database.integer("PRAGMA page_size")
        } catch { throw HistoryError(error, path) }
    }

    /// Renames a damaged file with its log, so that a new one can be begun.
    ///
    /// - Returns: its new path.
    static func setAside(_ path: String, now: Timestamp) throws(HistoryError) -> String {
        let aside = "\(path).damaged-\(now.second)"
        do { try Files.rename(path, to: aside) } catch {
            throw .open(path: path, why: "\(error)")
        }
        for ending in ["-wal", "-shm"] { try? Files.rename(path + ending, to: aside + ending) }
        return aside
    }
}
