import ArgumentParser
import EventStore
import Responses
import TextFormats
import Timestamps

extension QuarantineCommand {
    /// The responses beyond nftables, as the ledger has them.
    struct Responses: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the responses beyond nftables, the latest first.")
        @Option(
            name: [.customShort("n"), .customLong("lines")], parsing: .unconditional,
            help: "Number of responses.")
        var count = 50
        @Option(help: "Output format: table or json.")
        var format: Style.Format = .table
        @OptionGroup var state: State

        func validate() throws {
            guard count > 0 else { throw ValidationError("-n \(count): must be above 0") }
        }

        func run() throws {
            let records = try AuditCommand.store(state) { store throws(EventStoreError) in
                try store.responses(limit: count)
            }
            let text =
                format == .json
                ? records.map { Self.json($0) + "\n" }.joined() : Self.table(records)
            try Output.write(text, to: nil)
        }

        private static func table(_ records: [ResponseRecord]) -> String {
            guard !records.isEmpty else { return "no responses\n" }
            let rows =
                [
                    [
                        "CHANGED (UTC)", "STATE", "ENTRY", "ACTION", "OBJECT", "TARGET", "WORKLOAD",
                        "DETAIL",
                    ]
                ]
                + records.map { record in
                    let second = Int64(record.changed.second)
                    return [
                        UTC.short(second), record.state.rawValue,
                        record.entry, record.action, record.name.printable, record.target,
                        record.workload?.printable ?? "-", record.detail.printable,
                    ]
                }
            let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
            return rows.map { row in
                row.enumerated().map { column, cell in
                    column == row.count - 1
                        ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
                }.joined(separator: "  ") + "\n"
            }.joined()
        }

        private static func json(_ record: ResponseRecord) -> String {
            var object = JSONObject()
            object.put("entry", record.entry)
            object.put("action", record.action)
            object.put("state", record.state.rawValue)
            object.put("name", record.name)
            object.put("object", record.object)
            object.put("target", record.target)
            object.put("workload", record.workload)
            object.put("rule", record.ruleID)
            object.put("event_id", record.eventID)
            object.put("detail", record.detail)
            object.put("created", UTC.timestamp(record.created))
            object.put("changed", UTC.timestamp(record.changed))
            return object.text
        }
    }
}
