internal import SystemSupport

/// Why events cannot be delivered: the sink as the operator knows it, and the cure or the system's
/// words.
public struct DeliveryError: Error, CustomStringConvertible {
    public var sink: String
    public var reason: String

    public init(sink: String, reason: String) {
        self.sink = sink
        self.reason = reason
    }

    /// - Parameter code: of `errno`.
    init(sink: String, code: Int32) {
        self.init(sink: sink, reason: Self.text(code))
    }

    public var description: String { "\(sink): \(reason)" }

    init(_ error: IOError) {
        self.init(sink: error.path, reason: error.reason)
    }

    static func text(_ code: Int32) -> String { IOError.text(code) }
}
