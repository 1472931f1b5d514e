import ArgumentParser
import Glibc

@main
struct Lazaret: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lazaret",
        abstract: "Watches container traffic, flags what does not fit, and fences it off.",
        subcommands: [FlowsCommand.self])

    /// Bad usage ends with 2, as the contract has it.
    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch {
            let code = exitCode(for: error)
            if code == .validationFailure {
                writeError(fullMessage(for: error) + "\n")
                Glibc.exit(2)
            }
            exit(withError: error)
        }
    }
}
