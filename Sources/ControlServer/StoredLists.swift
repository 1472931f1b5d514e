import AttackPatterns
public import EventStore
internal import Events
internal import FoundationEssentials
internal import SystemSupport
internal import TextFormats
import Timestamps

/// The incidents and events in a state directory, as a monitor answers for them, for when none
/// runs.
///
/// The store is only read. Another program may write it meanwhile.
public struct StoredLists: Sendable {
    private let store: EventStore
    private let directory: String

    /// Opens the store, with the rights of the directory's owner: a reader of SQLite's log creates
    /// files beside it.
    ///
    /// - Throws: `EventStoreError` if there is no store, or it cannot be read; `IOError` if the
    ///   rights of the owner cannot be had.
    public init(directory: String) throws {
        try FileOwner.become(ownerOf: directory)
        store = try EventStore(reading: directory)
        self.directory = directory
    }

    /// The latest incidents, as `ControlClient.incidents` returns them.
    ///
    /// - Parameters:
    ///   - conditions: of `match`, `pattern`, `state` and `severity`, with their values.
    ///   - warn: called with a line about those that cannot be read, and are left out.
    /// - Throws: `ControlError.refused` if a value is none of a condition's; `EventStoreError`.
    public func incidents(
        limit: Int, where conditions: [(name: String, value: String)] = [],
        warn: (String) -> Void
    ) throws -> (json: String, list: [ControlClient.Incident]) {
        var filter = IncidentFilter()
        for (name, value) in conditions {
            switch name {
            case "match": filter.text = value
            case "pattern":
                filter.pattern = try Self.value(Pattern(named: value)?.rawValue, value, name)
            case "state": filter.state = try Self.value(Triage.State(rawValue: value), value, name)
            default:
                let severity = [Event.Severity.high, .medium, .low].first { $0.word == value }
                filter.severity = try Self.value(severity, value, name)
            }
        }
        let found = try store.incidents(limit: limit, matching: filter)
        // A damaged row must not hide the others.
        let rows = try ControlRoutes.triaged(found, store).compactMap { row in
            (try? ControlClient.decode(Array(row.utf8)) as ControlClient.Incident).map { (row, $0) }
        }
        let lost = found.count - rows.count
        if lost > 0 {
            warn(
                "\(directory): \(lost) of \(found.count) incidents cannot be read, and are left"
                    + " out; restore its lazaret.db from a copy if you need them")
        }
        return (JSONText.array(rows.map(\.0)).escapedJSON, rows.map(\.1))
    }

    /// The latest events as lines of EVE JSON, the earliest first.
    public func events(limit: Int) throws(EventStoreError) -> [String] {
        try store.events(limit: limit).reversed().map(\.line)
    }

    private static func value<T>(_ value: T?, _ text: String, _ name: String) throws -> T {
        guard let value else { throw ControlError.refused("\(name): '\(text)' is unknown") }
        return value
    }
}
