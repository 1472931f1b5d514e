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

    public var description: String { "\(sink): \(reason)" }

    init(_ error: IOError) {
        self.init(sink: error.path, reason: error.reason)
    }
}
