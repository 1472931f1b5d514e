internal import SystemSupport

/// The reason why events cannot be delivered: the name of the sink, and the remedy or the system's
/// message.
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
