import ArgumentParser
import ControlServer
import TextFormats

/// Switches a running monitor between observing and enforcing.
struct EnforcementCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enforcement",
        abstract: "Show or switch whether the running monitor fences offenders.",
        discussion: """
            A pause: lazaret enforcement observe --for 30m. The choice holds across restarts, \
            until its end or 'configured', which returns to the configuration. Active fences \
            stay until they expire; 'lazaret quarantine flush' releases them. Without a mode, \
            shows what is in use.
            """)

    enum Mode: String, ExpressibleByArgument, CaseIterable { case enforce, observe, configured }

    @Argument(help: "enforce, observe or configured.")
    var mode: Mode?
    @Option(
        name: .customLong("for"), parsing: .unconditional,
        help: "For how long: 90s, 10m, 1h, 2d; default: until the next switch.")
    var span: String?
    @Option(help: "Reason, for the audit trail.")
    var reason = "by hand"
    @OptionGroup var control: ControlInput

    func validate() throws {
        guard let span else { return }
        guard mode == .enforce || mode == .observe else {
            throw ValidationError("--for takes 'enforce' or 'observe'")
        }
        guard let time = TimeSpan(span), time.seconds > 0 else {
            throw ValidationError("--for '\(span)': give a time such as 10m; at most 400d")
        }
    }

    func run() async throws {
        let client = try control.client()
        let state =
            if let mode {
                try await client.enforce(
                    mode.rawValue, seconds: span.flatMap { TimeSpan($0)?.seconds },
                    reason: reason, actor: Operator.name)
            } else { try await client.enforcement() }
        var line = state.mode == "enforce" ? "offenders are fenced" : "offenders are only reported"
        if let by = state.by {
            line += state.until.map { " until \(UTC.short($0)) UTC" } ?? " until the next switch"
            line += ": \(state.reason ?? "") (\(by)); configured: \(state.configured)"
        } else {
            line += ", as configured"
        }
        try Output.write(line.printable + "\n", to: nil)
    }
}
