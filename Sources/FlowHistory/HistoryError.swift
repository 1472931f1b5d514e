internal import SQLite

/// Why the history of flows cannot be read or written.
public enum HistoryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no history at this path.
    case missing(path: String)
    /// The file cannot be opened.
    case open(path: String, why: String)
    /// The file is damaged, or is no SQLite database.
    case damaged(path: String, why: String)
    /// A newer program has written the file.
    case newer(path: String)
    /// SQLite failed; its own message.
    case database(path: String, why: String)

    public var description: String {
        switch self {
        case .missing(let path):
            "\(path): there is no flow history; a monitor writes one unless history.age is never"
        case .open(let path, let why): "\(path): cannot be opened: \(why)"
        case .damaged(let path, let why):
            "\(path): damaged: \(why); 'lazaret monitor' sets it aside and begins a new one"
        case .newer(let path): "\(path): written by a newer lazaret; update this one"
        case .database(let path, let why): "\(path): \(why)"
        }
    }
}

extension HistoryError {
    init(_ error: any Error, _ path: String) {
        switch error {
        case let error as HistoryError: self = error
        case let error as DatabaseError:
            self =
                error.isDamage
                ? .damaged(path: path, why: error.message)
                : .database(path: path, why: error.message)
        default: self = .database(path: path, why: "\(error)")
        }
    }
}
