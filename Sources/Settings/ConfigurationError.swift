/// Why a configuration cannot be used: the file or key, and what is expected there.
public struct ConfigurationError: Error, CustomStringConvertible {
    public var path: String
    public var reason: String

    public var description: String { "\(path): \(reason)" }
}
