package import SystemPackage

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

    /// An output with the system's message.
    package init(output path: String, _ error: Errno) {
        self = .output(
            path: path, reason: error == .brokenPipe ? "the reader has gone away" : "\(error)")
    }

    public var description: String { "\(path): \(reason)" }
}
