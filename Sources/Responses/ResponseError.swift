/// Why a step of a response was not done.
public enum ResponseError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is nothing to do, or a safety limit forbids it.
    case notNeeded(String)
    /// The object was changed by somebody else; it is left as it is.
    case changed(String)
    /// The object does not exist any more.
    case gone(String)
    /// It may succeed later.
    case failed(String)
    /// The ledger could not be read or written.
    case ledger(String)

    public var description: String {
        switch self {
        case .notNeeded(let why), .changed(let why), .gone(let why), .failed(let why): why
        case .ledger(let why): "ledger: \(why)"
        }
    }
}
