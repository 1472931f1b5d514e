public import Timestamps

extension EventStore {
    /// Rows of one kind that one transaction forgets at most: a fence does not wait for more.
    private static let rowsForgotten = 1000
    /// The least that is kept of the audit trail.
    private static let recordsKept: Int64 = 100

    /// Forgets events, incidents and counters older than `time`, and the oldest of each
    /// while the file's pages in use take more than `bytes`. Of the audit trail the oldest records
    /// beyond a quarter of `bytes` go, whatever their age. Fences stay; where they take more than
    /// half of `bytes`, the others have the other half all the same, since nothing would be won by
    /// forgetting all of it.
    ///
    /// - Parameter now: for the audit trail.
    /// - Returns: events forgotten.
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
            return events
        }
        if let kept = try auditRecords(within: bytes / 4) {
            try pruneAudit(keeping: max(kept, Self.recordsKept), time: now)
        }
        let fences = try read { database in
            // With what SQLite adds to a row, and pages that are two thirds full.
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

    /// Forgets some of the oldest events, incidents and counters, of each as many for its number,
    /// so that the newest of each stay.
    ///
    /// - Returns: events forgotten; nil: the file is small enough, or nothing is left to forget.
    private func forgetOldest(beyond room: Int64) throws(EventStoreError) -> Int? {
        try write { database in
            // Pages that are free are used again before the file grows.
            let free = try database.integer("PRAGMA freelist_count")
            let pages = try database.integer("PRAGMA page_count") - free
            guard try pages * database.integer("PRAGMA page_size") > room else { return nil }
            let tables = [("events", "time, id"), ("incidents", "start"), ("stats", "time")]
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

    /// How many of the last records of the trail to keep; nil: all of it takes no more than
    /// `bytes`.
    ///
    /// Fewer than there is room for, so that not every call forgets some, which is a record too.
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
