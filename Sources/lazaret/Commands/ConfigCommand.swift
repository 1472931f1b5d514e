import ArgumentParser
import FoundationEssentials
import Settings

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check or show the configuration.",
        subcommands: [Check.self, Dump.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Validate a configuration; report the line of an error.")
        @OptionGroup var input: ConfigurationInput

        func run() throws {
            try ConfigurationCheck(try input.read()).demand()
            try Output.write("\(input.path ?? Configuration.standardPath): can be used\n", to: nil)
        }
    }

    struct Dump: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the configuration in use, with every default.")
        @OptionGroup var input: ConfigurationInput

        func run() throws { try Output.write(try input.read().text, to: nil) }
    }
}
