import ArgumentParser
import ControlServer
import FoundationEssentials
import TextFormats

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
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            for event in try JSONDecoder().decode([JSONValue].self, from: Data(bytes)).reversed() {
                let line = try encoder.encode(event)
                let text = String(decoding: line, as: UTF8.self).escapedJSON
                try Output.write(text + "\n", to: nil)
            }
        }
        guard follow else { return }
        try await client.follow { try Output.write($0.escapedJSON + "\n", to: nil) }
    }
}
