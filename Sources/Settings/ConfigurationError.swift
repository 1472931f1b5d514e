/// The reason why a configuration cannot be used: the file or key, and the expected value.
public struct ConfigurationError: Error, CustomStringConvertible {
    public var path: String
    public var reason: String

    public var description: String { "\(path): \(reason)" }
}
