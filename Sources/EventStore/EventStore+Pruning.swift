internal import SQLite
public import Timestamps

extension EventStore {
    /// The most rows per table that one transaction deletes, so that a fence waits briefly at most.
    private static let rowsForgotten = 1000
    /// The least number of audit records that are kept.
    private static let recordsKept: Int64 = 100

    /// Deletes events, incidents and counters older than `time`, and then the oldest of each while
    /// the file's used pages exceed `bytes`. Audit records beyond a quarter of `bytes` are deleted
    /// whatever their age, oldest first. Fences stay. If they need more than half of `bytes`, the
    /// other tables nevertheless get as much as half of `bytes`, since deleting all of it would not
    /// make the file small enough.
    ///
    /// - Parameter now: for the audit trail.
    /// - Returns: the number of deleted events.
    @discardableResult
    public func prune(
        before time: Timestamp, largerThan bytes: Int64, now: Timestamp
    ) throws(EventStoreError) -> Int {
        var gone = try write { database in
            try database.execute("DELETE FROM events WHERE time < ?", [time])
            let events = database.changesCount
            try database.execute("DELETE FROM stats WHERE time < ?", [time])
            try database.execute(
                "DELETE FROM incidents WHERE end < ?", [time.second])
            try Self.pruneTriage(before: time, now: now, database)
            return events
        }
        if let kept = try auditRecords(within: bytes / 4) {
            try pruneAudit(keeping: max(kept, Self.recordsKept), time: now)
        }
        let fences = try read { database in
            // An estimate, with SQLite's overhead for each row and pages that are two thirds full.
            try database.integer(
                """
                SELECT coalesce(sum(length(target) * 2 + length(id) * 2 + length(reason)
                    + length(event) + length(features) + coalesce(length(workload), 0)
                    + length(actor) + length(ending) + 100) * 3 / 2, 0) FROM fences
                """)
        }
        let room = max(bytes, fences + bytes / 2)
        while let events = try forgetOldest(beyond: room) { gone += events }
        return gone
    }

    /// Deletes some of the oldest events, incidents and counters, in proportion to their numbers,
    /// so that the newest of each stay.
    ///
    /// - Returns: the number of deleted events; nil: the file is small enough, or the tables are
    ///   empty.
    private func forgetOldest(beyond room: Int64) throws(EventStoreError) -> Int? {
        try write { database in
            // Free pages are reused before the file grows.
            let free = try database.integer("PRAGMA freelist_count")
            let pages = try database.integer("PRAGMA page_count") - free
            guard try pages * database.integer("PRAGMA page_size") > room else { return nil }
            let tables = [
                ("events", "time, id"), ("incidents", "start"), ("stats", "time"),
                ("risk", "day"),
            ]
            var counts: [Int64] = []
            for (table, _) in tables {
                counts.append(try database.integer("SELECT count(*) FROM \(table)"))
            }
            guard let most = counts.max(), most > 0 else { return nil }
            let step = min(Int64(Self.rowsForgotten), max(1, most / 8))
            var events = 0
            for ((table, order), count) in zip(tables, counts) where count * step >= most {
                try database.execute(
                    """
                    DELETE FROM \(table) WHERE rowid IN (
                        SELECT rowid FROM \(table) ORDER BY \(order) LIMIT ?)
                    """, [count * step / most])
                if table == "events" { events = database.changesCount }
            }
            return events
        }
    }

    /// How many of the last audit records to keep; nil: all of them fit into `bytes`.
    ///
    /// This is fewer than would fit, because each pruning adds a record and should not be needed on
    /// every call.
    private func auditRecords(within bytes: Int64) throws(EventStoreError) -> Int64? {
        try read { database in
            var (all, kept): (Int64, Int64) = (0, 0)
            try database.rows(
                """
                SELECT length(actor) + length(action) + length(subject)
                    + length(CAST(detail AS BLOB)) + length(hash) + 24
                FROM audit ORDER BY number DESC
                """
            ) { row in
                all += row.integer(0)
                if all <= bytes / 8 * 7 { kept += 1 }
                return all <= bytes
            }
            return all > bytes ? kept : nil
        }
    }
}
