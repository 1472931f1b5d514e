public import Logging
import InMemoryLogging

/// Collects the lines of its logger.
public struct CollectedLog: Sendable {
    private let handler = InMemoryLogHandler()

    public init() {}

    public var logger: Logger { Logger(label: "test") { [handler] _ in handler } }

    public var lines: [String] { handler.entries.map { "\($0.message)" } }
}
