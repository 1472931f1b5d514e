internal import Glibc

/// The reason why a file, a pipe or a socket cannot be used: its name, and the system's message or
/// the remedy.
public enum IOError: Error, CustomStringConvertible {
    case input(path: String, reason: String)
    case output(path: String, reason: String)

    /// The name of the file, or of the option of the command line that requested something
    /// unavailable.
    package var path: String {
        switch self {
        case .input(let path, _), .output(let path, _): path
        }
    }

    package var reason: String {
        switch self {
        case .input(_, let reason), .output(_, let reason): reason
        }
    }

    /// - Parameter code: of `errno`.
    package init(output path: String, code: Int32) {
        self = .output(path: path, reason: Self.text(code))
    }

    /// The system's message for `errno`.
    package static func text(_ code: Int32) -> String {
        // SAFETY: the text is copied before another call could change it.
        unsafe String(cString: strerror(code))
    }

    public var description: String { "\(path): \(reason)" }
}
