import ArgumentParser
import ControlServer
import FoundationEssentials
import Glibc
import TextFormats
import Timestamps

/// Lists the running monitor's incidents, and records what an operator says of them.
struct IncidentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "incidents",
        abstract: "List a monitor's incidents, and set their states.",
        subcommands: [List.self, Set.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List incidents, the latest first.",
            discussion: """
                If no monitor runs, the incidents in the state directory are listed. Under an \
                incident are its further patterns, and why it is not fenced or no longer.
                """)

        enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

        @OptionGroup var control: ControlInput
        @Option(
            name: [.customShort("n"), .customLong("last")], parsing: .unconditional,
            help: "Number of incidents, at most 1000.")
        var count = 20
        @Option(help: "Only with this in the names or addresses of offender or target.")
        var match: String?
        @Option(help: "Only with this pattern, such as port_scan.")
        var pattern: String?
        @Option(help: "Only in this state: new, acknowledged, benign, malicious or closed.")
        var state: String?
        @Option(help: "Only of this severity: high, medium or low.")
        var severity: String?
        @Option(
            help: ArgumentHelp(
                "Read this state directory, without the monitor.", valueName: "dir"))
        var stateDirectory: String?
        @Option(help: "Output format: table or json.")
        var format: Format = .table

        func validate() throws {
            guard (1...1000).contains(count) else { throw ValidationError("-n must be 1 to 1000") }
        }

        func run() async throws {
            let conditions = [
                ("match", match), ("pattern", pattern), ("state", state), ("severity", severity),
            ].compactMap { name, value in value.map { (name: name, value: $0) } }
            let found = try await StoredInput(control, state: stateDirectory).answer {
                try await $0.incidents(limit: count, where: conditions)
            } orRead: {
                try $0.incidents(limit: count, where: conditions, warn: Output.warn)
            }
            guard format == .table else { return try Output.write(found.json + "\n", to: nil) }
            guard !found.list.isEmpty else { return try Output.write("no incidents\n", to: nil) }
            try Output.write(IncidentTable.text(found.list), to: nil)
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set the state of an incident.",
            discussion: """
                benign and malicious are also feedback on it, as 'lazaret feedback' records it, \
                and are used at once: benign makes all that its windows reached ordinary; new and \
                acknowledged withdraw that feedback. The state, \
                the comment and who set it are kept with the incident and in the audit trail.
                """)

        enum State: String, ExpressibleByArgument, CaseIterable {
            case new, acknowledged, benign, malicious, closed
        }

        @Argument(help: "The incident: the event_id of its first alert.")
        var incident: String
        @Argument(help: "new, acknowledged, benign, malicious or closed.")
        var state: State
        @Option(help: "A comment; it replaces an earlier one.")
        var comment: String?
        @OptionGroup var control: ControlInput

        func run() async throws {
            let client = try control.client()
            let said = try await client.triage(
                incident, state: state.rawValue, comment: comment, actor: Operator.name)
            let feedback = said.feedback.map { "; feedback on it is \($0.printable)" } ?? ""
            let effect = await client.effectText(of: incident, said.effect)
            try Output.write(
                "\(incident.printable): \(state.rawValue)\(feedback)\n\(effect)", to: nil)
        }
    }
}

/// Silences alerts of a workload for a time.
struct MuteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mute",
        abstract: "Report no alerts of a workload for a time.",
        discussion: """
            Incidents are still kept, offenders are still fenced, and a fence is always reported; \
            to prevent fences, use 'allow' in the configuration.
            """,
        subcommands: [List.self, Add.self, End.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the active mutes.")
        @OptionGroup var control: ControlInput

        func run() async throws {
            let mutes = try await control.client().mutes()
            guard !mutes.isEmpty else { return try Output.write("nothing is muted\n", to: nil) }
            let rows = mutes.map {
                [
                    "\($0.number)", $0.workload.printable, ($0.pattern ?? "all").printable,
                    UTC.short($0.until).printable, $0.by.printable, $0.reason.printable,
                ]
            }
            try Output.write(
                TextTable.text(["MUTE", "WORKLOAD", "PATTERN", "UNTIL (UTC)", "BY", "WHY"], rows),
                to: nil)
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Mute alerts of a workload.")
        @Argument(help: "Name of the workload, or an address.")
        var workload: String
        @Option(help: "Only this pattern, such as port_scan; default: all.")
        var pattern: String?
        @Option(
            name: .customLong("for"), parsing: .unconditional, help: "Duration: 90s, 10m, 1h, 2d.")
        var span: String
        @Option(help: "Reason, for the audit trail.")
        var reason = "by hand"
        @OptionGroup var control: ControlInput

        func validate() throws {
            guard let time = TimeSpan(span), time.seconds > 0 else {
                throw ValidationError("--for '\(span)': give a time such as 10m; at most 400d")
            }
        }

        func run() async throws {
            let mute = try await control.client().mute(
                workload, pattern: pattern, seconds: TimeSpan(span)?.seconds ?? 0, reason: reason,
                actor: Operator.name)
            try Output.write(
                "\(mute.workload.printable): \((mute.pattern ?? "all alerts").printable) muted for "
                    + "\(span); undo: lazaret mute end \(mute.number)\n", to: nil)
            if let warning = mute.warning { Output.warn(warning) }
        }
    }

    struct End: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a mute.")
        @Argument(help: "The number of the mute.")
        var number: Int64
        @OptionGroup var control: ControlInput

        func run() async throws {
            try await control.client().endMute(number, actor: Operator.name)
            try Output.write("mute \(number) ended\n", to: nil)
        }
    }
}

/// The user of the terminal, for the audit trail.
enum Operator {
    static var name: String {
        let environment = ProcessInfo.processInfo.environment
        return environment["SUDO_USER"] ?? environment["USER"] ?? "uid \(getuid())"
    }
}

extension UTC {
    /// A time stamp of the monitor's answers as `2026-11-26 15:00:00`; other text as it is.
    static func short(_ text: String) -> String {
        UTC.time(text).map { short(Int64($0.second)) } ?? text
    }

    static func short(_ second: Int64) -> String { "\(date(second)) \(clock(second))" }
}

/// Rows of text in columns.
enum TextTable {
    static func text(_ head: [String], _ rows: [[String]]) -> String {
        let all = [head] + rows
        let widths = head.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            row.enumerated().map { column, cell in
                column == row.count - 1
                    ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
            }.joined(separator: "  ") + "\n"
        }.joined()
    }
}
