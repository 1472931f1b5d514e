import ArgumentParser
import ControlServer
import Events
import FoundationEssentials
import TextFormats

/// Shows alerts and quarantine actions of the running monitor.
struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Show the running monitor's alerts and quarantine actions.",
        discussion:
            "One EVE JSON object per line, oldest first; --follow runs until interrupted.")

    @OptionGroup var control: ControlInput
    @Option(
        name: [.customShort("n"), .customLong("last")], parsing: .unconditional,
        help: "Number of events, at most 1000.")
    var count = 20
    @Flag(name: [.short, .long], help: "Print new events as they happen.")
    var follow = false

    func validate() throws {
        guard (0...1000).contains(count) else { throw ValidationError("-n must be 0 to 1000") }
    }

    func run() async throws {
        let client = try control.client()
        if count > 0 {
            let bytes = try await client.get("/api/v1/events?limit=\(count)")
            let events = try JSONDecoder().decode([Event].self, from: Data(bytes))
            try Output.write(events.reversed().map { $0.eve.escapedJSON + "\n" }.joined(), to: nil)
        }
        guard follow else { return }
        try await client.follow {
            try Output.write($0.escapedJSON + "\n", to: nil)
        } missed: { count in
            printError(
                "\(count) events missed: they came faster than they were read; "
                    + "'lazaret events -n 1000' shows what the monitor has stored")
        }
    }
}
