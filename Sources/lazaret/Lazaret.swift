import ArgumentParser

@main
struct Lazaret: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lazaret", abstract: "Network flow anomaly monitor and quarantine.",
        subcommands: [QuarantineCommand.self, AuditCommand.self])
}
