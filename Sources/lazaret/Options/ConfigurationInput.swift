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
        try existing.map { path throws(ConfigurationError) in try Configuration(path: path) }
            ?? Configuration()
    }

    /// The same for `ConfigurationCheck`, which reports the faults of values with all others.
    func readForCheck() throws -> Configuration {
        try existing.map { path throws(ConfigurationError) in try Configuration(checking: path) }
            ?? Configuration()
    }

    private var existing: String? {
        let isThere = FileManager.default.fileExists(atPath: Configuration.standardPath)
        return path ?? (isThere ? Configuration.standardPath : nil)
    }
}
