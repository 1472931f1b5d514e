import ArgumentParser
import EventStore
import FoundationEssentials
import Quarantine
import SystemSupport
import TextFormats
import Timestamps

/// `lazaret audit`: the audit trail of the quarantine.
struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Show and verify the audit trail of the quarantine.",
        subcommands: [Verify.self, List.self], defaultSubcommand: List.self)

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Verify the hash chain; report changed or missing records.")
        @Option(
            help: ArgumentHelp(
                "A hash printed by an earlier verify; it must be in the trail.", valueName: "hash"))
        var expect: String?
        @OptionGroup var state: QuarantineCommand.State

        func validate() throws {
            guard let expect else { return }
            guard expect.wholeMatch(of: /[0-9a-f]{64}/) != nil else {
                throw ValidationError(
                    """
                    --expect \(expect): must be 64 hexadecimal digits, as 'audit verify' prints them
                    """
                )
            }
        }

        func run() throws {
            let report = try AuditCommand.store(state) { store throws(EventStoreError) in
                try store.verifyAudit(expecting: expect)
            }
            guard report.problems.isEmpty else {
                try Output.write(report.problems.map { "\($0)\n" }.joined(), to: nil)
                printError("the audit trail in \(try state.directory()) was tampered with")
                throw ExitCode(1)
            }
            var text =
                "\(report.records) records from \(report.first), whole; head \(report.head)\n"
            if let pruning = report.pruning {
                let place = report.isPrunedSinceExpected ? ", after the expected record" : ""
                text +=
                    "records before \(report.first) were pruned by record \(pruning.number) at "
                    + "\(UTC.moment(pruning.entry.time))\(place)\n"
            }
            try Output.write(text, to: nil)
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the latest records.")
        @Option(
            name: [.customShort("n"), .customLong("lines")], parsing: .unconditional,
            help: "Number of records.")
        var count = 50
        @Option(help: "Output format: table or json.")
        var format: QuarantineCommand.Style.Format = .table
        @OptionGroup var state: QuarantineCommand.State

        func validate() throws {
            guard count > 0 else { throw ValidationError("-n \(count): must be above 0") }
        }

        func run() throws {
            let records = try AuditCommand.store(state) { store throws(EventStoreError) in
                try store.auditTail(limit: count)
            }
            let lines = try records.map { try format == .json ? line($0) : text($0) }
            try Output.write(lines.map { $0 + "\n" }.joined(), to: nil)
        }

        private func text(_ record: AuditRecord) -> String {
            let entry = record.entry
            // The chain contains the expiry in nanoseconds, as the ledger does; it is printed in
            // the same format as the time of the entry.
            let detail = entry.detail.replacing(/until (\d{16,19});/) { match in
                "until "
                    + (Int64(match.1).map { UTC.moment($0 / 1_000_000_000) }
                        ?? "\(match.1)") + ";"
            }
            let line =
                "\(record.number)  \(UTC.moment(entry.time))  \(entry.actor)  "
                + "\(entry.action)  \(entry.subject)  \(detail)"
            return line.printable
        }

        private struct Line: Encodable {
            var number: Int64
            var timestamp: String
            var by: String
            var action: String
            var subject: String
            var detail: String
            var hash: String
        }

        private func line(_ record: AuditRecord) throws -> String {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let entry = record.entry
            let line = Line(
                number: record.number, timestamp: UTC.timestamp(entry.time), by: entry.actor,
                action: entry.action, subject: entry.subject, detail: entry.detail,
                hash: record.hash)
            return String(decoding: try encoder.encode(line), as: UTF8.self).escapedJSON
        }
    }

    /// Returns the directory of an existing store, whose owner this process becomes.
    static func enter(_ state: QuarantineCommand.State) throws -> String {
        let directory = try state.directory()
        let path = directory + "/lazaret.db"
        guard FileManager.default.fileExists(atPath: path) else {
            printError("\(path): no such file; --state names another directory")
            throw ExitCode(1)
        }
        try FileOwner.become(ownerOf: directory)
        return directory
    }

    /// Runs `body` on the store; an error becomes one line and exit code 1.
    static func store<T>(
        _ state: QuarantineCommand.State, _ body: (EventStore) throws(EventStoreError) -> T
    ) throws -> T {
        let directory = try enter(state)
        do throws(EventStoreError) {
            return try body(EventStore(path: directory + "/lazaret.db"))
        } catch {
            printError("\(error)")
            throw ExitCode(1)
        }
    }
}
