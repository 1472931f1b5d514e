import ArgumentParser
import ControlServer
import Monitor
import Quarantine
import StatusReport
import Timestamps

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
            let status = try await client.status()
            try Output.write(
                StatusText.text(status, isColoured: Output.isColoured)
                    + fencesInForce(status), to: nil)
        }
    }

    /// The fences in force beside a monitor that only observes, for callers who may look at them:
    /// 'lazaret quarantine add' has made them, or an earlier monitor.
    private func fencesInForce(_ status: MonitorStatus) -> String {
        guard !status.appliesRules, let directory = status.stateDirectory,
            let listing = try? LocalQuarantine(directory: directory, options: Monitor.Options())
                .list(now: Clock.now())
        else { return "" }
        let count = listing.rules.count { $0.isInForce }
        guard count > 0 else { return "" }
        return "\(count) \(count == 1 ? "fence is" : "fences are") in force although the monitor "
            + "observes: see 'lazaret quarantine list'\n"
    }
}
