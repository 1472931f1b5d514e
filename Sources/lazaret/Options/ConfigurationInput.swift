import ArgumentParser
import FoundationEssentials
import Settings

/// The configuration file that a command reads.
struct ConfigurationInput: ParsableArguments {
    @Option(
        name: [.customShort("c"), .customLong("config")],
        help: ArgumentHelp(
            "Configuration file; default: \(Configuration.standardPath), if it exists.",
            valueName: "file"))
    var path: String?

    /// The named file, else the standard one, else the defaults.
    func read() throws -> Configuration {
        if let path { return try Configuration(path: path) }
        guard FileManager.default.fileExists(atPath: Configuration.standardPath) else {
            return Configuration()
        }
        return try Configuration(path: Configuration.standardPath)
    }
}
