import ArgumentParser
import EventStore
import Foundation
import Pipeline
import Quarantine

/// `lazaret audit`: the trail of everything the quarantine did.
struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Show and verify the trail of what the quarantine did.",
        subcommands: [Verify.self, List.self], defaultSubcommand: List.self)

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Follow the hash chain; any changed or missing record is told.")
        @Option(
            help: ArgumentHelp(
                "A hash that an earlier verify told; it must be in the trail.", valueName: "hash"))
        var expect: String?
        @OptionGroup var state: QuarantineCommand.State

        func run() throws {
            let report = try AuditCommand.store(state) { store throws(EventStoreError) in
                try store.verifyAudit(expecting: expect)
            }
            for problem in report.problems { print("\(problem)") }
            guard report.problems.isEmpty else {
                AuditCommand.tell("the audit trail in \(state.directory) was tampered with")
                throw ExitCode(1)
            }
            print("\(report.records) records from \(report.first), whole; head \(report.head)")
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the last records.")
        @Option(name: [.short, .customLong("lines")], help: "How many records.")
        var count = 50
        @Option(help: "How to write: table or json.")
        var format: QuarantineCommand.Output.Format = .table
        @OptionGroup var state: QuarantineCommand.State

        func validate() throws {
            guard count > 0 else { throw ValidationError("--lines needs a number above 0") }
        }

        func run() throws {
            let records = try AuditCommand.store(state) { store throws(EventStoreError) in
                try store.auditTail(limit: count)
            }
            for record in records { print(try format == .json ? line(record) : text(record)) }
        }

        private func text(_ record: AuditRecord) -> String {
            let entry = record.entry
            // What was taken from packets must not drive the terminal.
            let line =
                "\(record.number)  \(AuditCommand.time(entry.time))  \(entry.actor)  "
                + "\(entry.action)  \(entry.subject)  \(entry.detail)"
            return String(
                String.UnicodeScalarView(
                    line.unicodeScalars.map {
                        $0.properties.generalCategory == .control ? " " : $0
                    }))
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
                number: record.number, timestamp: AuditCommand.time(entry.time), by: entry.actor,
                action: entry.action, subject: entry.subject, detail: entry.detail,
                hash: record.hash)
            return String(decoding: try encoder.encode(line), as: UTF8.self)
        }
    }

    /// ISO 8601 with microseconds, UTC.
    static func time(_ nanoseconds: Int64) -> String {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        return String(
            format: "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", Int(parts.tm_year) + 1900,
            Int(parts.tm_mon) + 1, Int(parts.tm_mday), Int(parts.tm_hour), Int(parts.tm_min),
            Int(parts.tm_sec), Int(nanoseconds % 1_000_000_000 / 1000))
    }

    private static func tell(_ line: String) {
        FileHandle.standardError.write(Data("lazaret: \(line)\n".utf8))
    }

    /// Runs `body` on the store; an error becomes one line and exit code 1.
    private static func store<T>(
        _ state: QuarantineCommand.State, _ body: (EventStore) throws(EventStoreError) -> T
    ) throws -> T {
        let path = state.directory + "/lazaret.db"
        guard FileManager.default.fileExists(atPath: path) else {
            tell("\(path): no such file; --state names another directory")
            throw ExitCode(1)
        }
        do throws(EventStoreError) {
            return try body(EventStore(path: path))
        } catch {
            tell("\(error)")
            throw ExitCode(1)
        }
    }
}
