import ArgumentParser
import ControlServer
import Events
import FoundationEssentials

/// Shows alerts and quarantine actions of the running monitor.
struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Show the running monitor's alerts and quarantine actions.",
        discussion:
            "One EVE JSON object a line, the oldest first; --follow goes on until interrupted.")

    @OptionGroup var control: ControlInput
    @Option(
        name: [.customShort("n"), .customLong("last")], parsing: .unconditional,
        help: "How many, at most 1000.")
    var count = 20
    @Flag(name: [.short, .long], help: "Go on with what comes.")
    var follow = false

    func validate() throws {
        guard (0...1000).contains(count) else { throw ValidationError("-n must be 0 to 1000") }
    }

    func run() async throws {
        let client = try control.client()
        if count > 0 {
            let bytes = try await client.get("/api/v1/events?limit=\(count)")
            let events = try JSONDecoder().decode([Event].self, from: Data(bytes))
            try Output.write(events.reversed().map { $0.eve + "\n" }.joined(), to: nil)
        }
        if follow { try await client.follow { try Output.write($0 + "\n", to: nil) } }
    }
}
