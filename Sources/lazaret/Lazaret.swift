import ArgumentParser

@main
struct Lazaret: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lazaret",
        abstract: "Watches container traffic, flags what does not fit, and fences it off.",
        subcommands: [FlowsCommand.self])
}
