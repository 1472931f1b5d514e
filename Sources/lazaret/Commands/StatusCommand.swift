import ArgumentParser
import ControlServer
import Monitor
import StatusReport

/// Shows the status of the running monitor.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the status of the running monitor on one screen.")

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

    @OptionGroup var control: ControlInput
    @Option(help: "Output format: table or json.")
    var format: Format = .table

    func run() async throws {
        let client = try control.client()
        switch format {
        case .json:
            let bytes = try await client.get("/api/v1/status")
            try Output.write(String(decoding: bytes, as: UTF8.self) + "\n", to: nil)
        case .table:
            try Output.write(
                StatusText.text(try await client.status(), isColoured: Output.isColoured), to: nil)
        }
    }
}
