import ArgumentParser
import ControlServer
import Events
import FoundationEssentials
import TextFormats

/// Shows alerts and quarantine actions of the running monitor.
struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Show a monitor's alerts and quarantine actions.",
        discussion: """
            One EVE JSON object per line, oldest first; --follow runs until interrupted. If no \
            monitor runs, the events in the state directory are shown.
            """)

    @OptionGroup var control: ControlInput
    @Option(
        name: [.customShort("n"), .customLong("last")], parsing: .unconditional,
        help: "Number of events, at most 1000.")
    var count = 20
    @Option(
        name: [.customLong("state"), .customLong("state-directory")],
        help: ArgumentHelp("Read this state directory, without the monitor.", valueName: "dir"))
    var stateDirectory: String?
    @Flag(name: [.short, .long], help: "Print new events as they happen.")
    var follow = false

    func validate() throws {
        guard (0...1000).contains(count) else { throw ValidationError("-n must be 0 to 1000") }
        guard !follow || stateDirectory == nil else {
            throw ValidationError("--follow needs a running monitor; leave out --state")
        }
    }

    func run() async throws {
        if count > 0 {
            let lines = try await lines()
            try Output.write(lines.map { $0.escapedJSON + "\n" }.joined(), to: nil)
        }
        guard follow else { return }
        try await control.client().follow {
            try Output.write($0.escapedJSON + "\n", to: nil)
        } missed: { count in
            printError(
                "\(count) events missed: they came faster than they were read; "
                    + "'lazaret events -n 1000' shows what the monitor has stored")
        }
    }

    /// The latest events, the earliest first.
    private func lines() async throws -> [String] {
        func ask(_ client: ControlClient) async throws -> [String] {
            let bytes = try await client.get("/api/v1/events?limit=\(count)")
            return try JSONDecoder().decode([Event].self, from: Data(bytes)).reversed().map(\.eve)
        }
        guard !follow else { return try await ask(control.client()) }
        return try await StoredInput(control, state: stateDirectory).answer(ask) {
            try $0.events(limit: count)
        }
    }
}
