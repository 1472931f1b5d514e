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

    /// The faults of the file's text in the order of their lines; their keys have the defaults.
    private(set) var faults: [ConfigurationCheck.Fault] = []
    /// The line of each key in the file, by its path.
    private var lines: [String: Int] = [:]

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
        lines = noted.lines
        faults = noted.all.map { path, error in
            ConfigurationCheck.Fault(key: path, reason: error.reason, isOfText: true)
        }
        sort(&faults)
    }

    /// Sorts faults by their lines; those without one come last.
    func sort(_ faults: inout [ConfigurationCheck.Fault]) {
        let order = faults.enumerated().map { place, fault in
            (line: line(of: fault) ?? .max, place: place, fault: fault)
        }
        faults = order.sorted { ($0.line, $0.place) < ($1.line, $1.place) }.map(\.fault)
    }

    /// The line of a fault in the file; nil: an option of the command line has it, or the file does
    /// not have the key.
    func line(of fault: ConfigurationCheck.Fault) -> Int? {
        if fault.isOfText {
            // `line 12: reason`
            guard fault.reason.hasPrefix("line ") else { return nil }
            return Int(fault.reason.dropFirst(5).prefix { $0 != ":" })
        }
        guard options[fault.key] == nil else { return nil }
        var key = fault.key
        while true {
            if let line = lines[key] { return line }
            guard let end = key.lastIndex(of: ".") else { return nil }
            key = String(key[..<end])
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
