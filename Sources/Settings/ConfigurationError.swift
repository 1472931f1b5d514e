/// The reason why a configuration cannot be used: the file or key, and the expected value.
public struct ConfigurationError: Error, CustomStringConvertible {
    public var path: String
    public var reason: String

    public init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    public var description: String { "\(path): \(reason)" }
}

/// Several reasons why a monitor cannot start.
public struct ConfigurationFaults: Error, CustomStringConvertible {
    /// One line for each, with the file and key, or with the option of the command line.
    public var lines: [String]
    /// Whether one of them is in the file.
    public var isOfFile: Bool

    public var description: String { lines.joined(separator: "; ") }
}
