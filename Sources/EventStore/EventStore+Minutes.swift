internal import SQLite

/// What a monitor's pages show of the past, which outlasts the monitor.
public struct StoredMinutes: Sendable, Equatable {
    /// The highest evidence against a workload in a minute.
    public struct Evidence: Sendable, Equatable {
        /// Minutes since 1970.
        public var minute: Int
        public var workload: String
        /// On the scale of `RunningEvidence.share`, in hundredths.
        public var share: Int

        public init(minute: Int, workload: String, share: Int) {
            self.minute = minute
            self.workload = workload
            self.share = share
        }
    }

    /// The mean rates of some seconds.
    public struct Rate: Sendable, Equatable {
        /// The first second, since 1970.
        public var second: Int64
        /// Per second.
        public var packets: Int64
        public var bits: Int64
        public var verdicts: Int64

        public init(second: Int64, packets: Int64, bits: Int64, verdicts: Int64) {
            self.second = second
            self.packets = packets
            self.bits = bits
            self.verdicts = verdicts
        }
    }

    public var evidence: [Evidence]
    public var rates: [Rate]

    public init(evidence: [Evidence] = [], rates: [Rate] = []) {
        self.evidence = evidence
        self.rates = rates
    }
}

extension EventStore {
    static let minutesSchema = """
        CREATE TABLE evidence (
            minute INTEGER NOT NULL, workload TEXT NOT NULL, share INTEGER NOT NULL,
            PRIMARY KEY (minute, workload)) WITHOUT ROWID;
        CREATE TABLE rates (
            second INTEGER PRIMARY KEY, packets INTEGER NOT NULL, bits INTEGER NOT NULL,
            verdicts INTEGER NOT NULL);
        """

    /// Records minutes, replacing earlier versions, and deletes those before the given ones.
    public func record(
        _ minutes: StoredMinutes, evidenceSince first: Int, ratesSince second: Int64
    ) throws(EventStoreError) {
        try write { database in
            let evidence = try database.prepare("INSERT OR REPLACE INTO evidence VALUES (?, ?, ?)")
            for entry in minutes.evidence {
                try evidence.execute([entry.minute, entry.workload, entry.share])
            }
            let rates = try database.prepare("INSERT OR REPLACE INTO rates VALUES (?, ?, ?, ?)")
            for rate in minutes.rates {
                try rates.execute([rate.second, rate.packets, rate.bits, rate.verdicts])
            }
            try database.execute("DELETE FROM evidence WHERE minute < ?", [first])
            try database.execute("DELETE FROM rates WHERE second < ?", [second])
        }
    }

    /// The recorded minutes from the given ones until now, the earliest first. Those of the future,
    /// from which the clock was set back, are left out.
    public func minutes(
        evidenceSince first: Int, ratesSince second: Int64, until now: Int64
    ) throws(EventStoreError) -> StoredMinutes {
        try read { database in
            StoredMinutes(
                evidence: try database.all(
                    """
                    SELECT minute, workload, share FROM evidence WHERE minute BETWEEN ? AND ?
                    ORDER BY minute, workload
                    """, [first, now / 60]
                ) {
                    StoredMinutes.Evidence(
                        minute: Int($0.integer(0)), workload: $0.text(1),
                        share: Int($0.integer(2)))
                },
                rates: try database.all(
                    """
                    SELECT second, packets, bits, verdicts FROM rates
                    WHERE second BETWEEN ? AND ? ORDER BY second
                    """, [second, now]
                ) {
                    StoredMinutes.Rate(
                        second: $0.integer(0), packets: $0.integer(1), bits: $0.integer(2),
                        verdicts: $0.integer(3))
                })
        }
    }
}
