/// Why a YAML file was refused.
public enum YAMLError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The system's words.
    case unreadable(path: String, reason: String)
    /// The line, and what is expected there.
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
