import ArgumentParser
import FoundationEssentials
import Monitor
import Settings

struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check or show the configuration.",
        subcommands: [Check.self, Dump.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Validate a configuration; report every error with its line or key.",
            discussion: """
                'lazaret monitor' refuses the same errors with the same lines. A monitor whose \
                interfaces are named on its command line needs none in the file: name them \
                here, too.
                """)
        @OptionGroup var input: ConfigurationInput

        @Option(
            name: .customShort("i"),
            help: ArgumentHelp(
                "Interface that the monitor gets by -i; may be repeated.", valueName: "interface"))
        var interfaces: [String] = []

        func run() throws {
            let path = input.path ?? Configuration.standardPath
            guard FileManager.default.fileExists(atPath: path) else {
                throw ConfigurationError(
                    path: path, reason: "there is no such file; name one with -c")
            }
            var settings = try input.readForCheck()
            if !interfaces.isEmpty {
                settings.monitor.interfaces = interfaces
                settings.options["interfaces"] = "-i"
            }
            try ConfigurationCheck(settings).demand()
            try Output.write("\(path): can be used\n", to: nil)
        }
    }

    struct Dump: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the configuration in use, with every default.")
        @OptionGroup var input: ConfigurationInput

        func run() throws { try Output.write(try input.read().text, to: nil) }
    }
}
