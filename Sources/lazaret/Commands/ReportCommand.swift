import ArgumentParser
import Compliance
import EventStore
import Settings
import SystemSupport

/// `lazaret report`: reports for auditors from a monitor's records.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Report what a monitor's records show of the controls of a standard.",
        subcommands: [ComplianceCommand.self, Standards.self, Verify.self])

    struct Standards: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the standards that the program contains.")

        func run() throws {
            var text = ""
            for name in ComplianceStandard.builtInNames {
                guard let standard = try ComplianceStandard.builtIn(name) else { continue }
                let gap = String(repeating: " ", count: max(1, 14 - name.count))
                text +=
                    "\(name)\(gap)\(standard.title), \(standard.version); "
                    + "\(standard.controls.count) controls; \(standard.source)\n"
            }
            try Output.write(text, to: nil)
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a report's digest, and that the audit trail contains its head.",
            discussion: """
                Exit code 0: the file is as it was made, and the audit trail has the record and \
                hash that it names; 1: not. Whoever can change the file can also make a new \
                digest: sign reports that leave the node (docs/compliance.md).
                """)
        @Argument(help: ArgumentHelp("A report.", valueName: "file"))
        var file: String
        @OptionGroup var state: QuarantineCommand.State

        private static let fileLimit: Int64 = 256 << 20

        func run() throws {
            let bytes = try InputFile.bytes(of: file, limit: Self.fileLimit)
            guard let content = ReportSeal.read(bytes) else {
                throw IOError.input(path: file, reason: "it is no report of lazaret")
            }
            let directory = try state.directory()
            var faults = content.stated == content.actual ? [] : ["its content was changed"]
            faults += try ReportState.reading(directory) { store in
                try faultsOfTrail(store, content.head).map {
                    "the audit trail in \(directory) \($0)"
                }
            }
            guard faults.isEmpty else {
                for fault in faults { printError("\(file): \(fault)") }
                throw ExitCode(1)
            }
            let head = content.head.map { "record \($0.number), \($0.hash)" } ?? "none"
            try Output.write(
                "content whole, \(content.actual)\nhead of the audit trail found: \(head)\n",
                to: nil)
        }

        /// What of the audit trail is not as the report says.
        private func faultsOfTrail(
            _ store: EventStore, _ head: (number: Int64, hash: String)?
        ) throws -> [String] {
            let check = try store.verifyAudit()
            let faults = check.problems.isEmpty ? [] : ["was tampered with"]
            guard let head else { return faults }
            if head.number < check.first { return faults + ["has pruned record \(head.number)"] }
            let found = try store.audit(after: head.number - 1, limit: 1).first
            guard found?.number == head.number, found?.hash == head.hash else {
                return faults + ["has no record \(head.number) with the hash \(head.hash)"]
            }
            return faults
        }
    }
}

/// Reads a state directory without changing it.
enum ReportState {
    /// Runs `body` on the store with the rights of the directory's owner.
    static func reading<T>(_ directory: String, _ body: (EventStore) throws -> T) throws -> T {
        guard Files.exists(directory + "/lazaret.db") else {
            throw IOError.input(
                path: directory + "/lazaret.db",
                reason: "no such file; --state names another directory")
        }
        return try FileOwner.acting(asOwnerOf: directory) {
            try body(EventStore(reading: directory))
        }
    }
}
