public import Logging
public import Monitor
import YAML

/// The settings of `lazaret monitor` with their defaults, from `/etc/lazaret/lazaret.yaml`.
public struct Configuration: Sendable {
    /// The path of the configuration unless another file is named.
    public static let standardPath = "/etc/lazaret/lazaret.yaml"

    public var monitor = Monitor.Options()
    /// Path of the model; nil: not configured, but it may be named on the command line.
    public var model: String?
    /// Path of the inventory; nil: the model's own.
    public var inventory: String?
    public var control = ControlOptions()
    /// The user that a monitor started by root switches to; nil: it does not switch.
    public var user: String?
    /// The lowest level of log lines that are written.
    public var logLevel = Logger.Level.info
    /// The file that it was read from; nil: none.
    public private(set) var path: String?
    /// The options of the command line that replaced a key, by that key.
    public var options: [String: String] = [:]

    public init() {}

    /// The faults of the file's text; their keys have the defaults.
    private(set) var faults: [ConfigurationCheck.Fault] = []

    /// Reads a file.
    ///
    /// - Throws: an error with the line, key and expected value of each fault; unknown keys are
    ///   errors too.
    public init(path: String) throws(ConfigurationError) {
        try self.init(checking: path)
        guard !faults.isEmpty else { return }
        throw ConfigurationError(path: path, reason: faults.map(\.reason).joined(separator: "; "))
    }

    /// Reads a file for `ConfigurationCheck`, which reports the faults of values with all others.
    ///
    /// - Throws: where the file cannot be read, or is not YAML.
    public init(checking path: String) throws(ConfigurationError) {
        self.path = path
        let noted = ReadingFaults()
        do throws(YAMLError) {
            let reader = YAMLReader(path: path)
            let root = try reader.root(of: YAMLReader.read(path))
            let whole = ConfigurationNode(root, "the file", reader, faults: noted)
            do throws(YAMLError) { try Self.keys.read(whole, into: &self) } catch {
                whole.note(error)
            }
        } catch {
            throw ConfigurationError(path: error.path, reason: error.reason)
        }
        faults = noted.all.map { path, error in
            ConfigurationCheck.Fault(key: path, reason: error.reason, isOfText: true)
        }
    }

    /// The keys that differ from `other` and that a running monitor cannot apply.
    public func needsRestart(after other: Configuration) -> [String] {
        Self.keys.filter { $0.needsRestart && $0.lines(self) != $0.lines(other) }.map(\.name)
    }

    /// The whole configuration as a file, including defaults.
    public var text: String {
        Self.keys.flatMap { $0.lines(self) }.joined(separator: "\n") + "\n"
    }
}
