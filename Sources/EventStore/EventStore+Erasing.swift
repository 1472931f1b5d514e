public import NetworkAddresses
internal import Quarantine
internal import SQLite
public import Timestamps

/// What `erase` found in a store.
public struct ErasedEvents: Sendable, Equatable {
    /// Alerts and other events, incidents, and days of risk.
    public var events = 0
    /// Quarantine rules that have ended.
    public var rules = 0
    /// Active rules and audit records that name the address, and stay.
    public var activeRules = 0
    public var auditRecords = 0
}

extension EventStore {
    /// Erases events, incidents, days of risk, and ended rules that name an address, in one
    /// transaction; what is erased is overwritten in the file. Active rules and the audit trail,
    /// which is a chain of hashes, stay. The audit trail gets a record with the numbers, without
    /// the address.
    public func erase(
        _ address: IPAddress, actor: String, now: Timestamp
    ) throws(EventStoreError) -> ErasedEvents {
        let needle = "\(address)"
        return try write { database in
            try database.execute("PRAGMA secure_delete = ON")
            var erased = ErasedEvents()
            for (table, text) in [
                ("events", "subject || ' ' || body"),
                ("incidents", "offender || ' ' || workload || ' ' || body"),
                ("risk", "workload"),
            ] {
                for row in try Self.rows("rowid", of: table, naming: needle, in: text, database) {
                    try database.execute("DELETE FROM \(table) WHERE rowid = ?", [row])
                    erased.events += 1
                }
            }
            let rules = try database.all(
                "SELECT target, response, id, state, reason || ' ' || event FROM fences"
            ) { row in
                (
                    key: [row.text(0), row.text(1), row.text(2)], state: row.text(3),
                    text: row.text(0) + " " + row.text(4)
                )
            }
            for rule in rules where rule.text.mentions(needle) {
                guard rule.state == "ended" else {
                    erased.activeRules += 1
                    continue
                }
                try database.execute(
                    "DELETE FROM fences WHERE target = ? AND response = ? AND id = ?", rule.key)
                erased.rules += 1
            }
            erased.auditRecords = try Self.rows(
                "number", of: "audit", naming: needle, in: "subject || ' ' || detail", database
            ).count
            try Self.append(
                [
                    AuditEntry(
                        time: now, actor: actor, action: "erase", subject: "an address",
                        detail: "\(erased.events) events, \(erased.rules) ended rules")
                ], database)
            return erased
        }
    }

    /// The numbers of the rows whose text names an address. SQLite finds the rows with the text;
    /// whether it is an address of its own, and not a part of a longer one, is decided here.
    private static func rows(
        _ number: String, of table: String, naming address: String, in text: String,
        _ database: borrowing Database
    ) throws -> [Int64] {
        try database.all(
            "SELECT \(number), \(text) FROM \(table) WHERE instr(\(text), ?) > 0", [address]
        ) { $0.text(1).mentions(address) ? $0.integer(0) : nil }
    }
}

extension String {
    /// Whether the text has an address as a whole, and not only as a part of a longer one.
    func mentions(_ address: String) -> Bool {
        let isV6 = address.contains(":")
        func continues(_ character: Character?) -> Bool {
            guard let character else { return false }
            return isV6 ? character.isHexDigit : character.isNumber
        }
        let joint: Character = isV6 ? ":" : "."
        var rest = self[...]
        while let range = rest.firstRange(of: address) {
            let before = self[..<range.lowerBound]
            let after = self[range.upperBound...]
            let isLonger =
                continues(before.last) || continues(after.first)
                || before.last == joint && continues(before.dropLast().last)
                || after.first == joint
                    && (continues(after.dropFirst().first)
                        || isV6 && after.dropFirst().first == joint)
            if !isLonger { return true }
            rest = self[range.upperBound...]
        }
        return false
    }
}
