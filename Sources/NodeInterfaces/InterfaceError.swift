/// An error in reading the kernel's list of interfaces.
public enum InterfaceError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kernel refused an operation; the text is the system's.
    case kernel(operation: String, code: Int32, reason: String)
    /// The answer does not follow rtnetlink(7).
    case malformedAnswer(operation: String)

    public var description: String {
        switch self {
        case .kernel(let operation, _, let reason): "network interfaces: \(operation): \(reason)"
        case .malformedAnswer(let operation):
            "network interfaces: \(operation): the kernel's answer cannot be read"
        }
    }

    /// The system's error number; nil where the error is not the system's.
    public var code: Int32? {
        if case .kernel(_, let code, _) = self { code } else { nil }
    }
}
