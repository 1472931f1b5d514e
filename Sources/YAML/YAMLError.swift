/// Why a YAML file was refused.
public enum YAMLError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file cannot be read; the reason is the system's error message.
    case unreadable(path: String, reason: String)
    /// The content is invalid; the reason has the line and the expected value.
    case malformed(path: String, reason: String)

    package var path: String {
        switch self {
        case .unreadable(let path, _), .malformed(let path, _): path
        }
    }

    package var reason: String {
        switch self {
        case .unreadable(_, let reason), .malformed(_, let reason): reason
        }
    }

    public var description: String { "\(path): \(reason)" }
}
