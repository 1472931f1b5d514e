internal import Synchronization
internal import Timestamps

/// The status of a sink.
public struct SinkStatus: Sendable, Equatable {
    /// Its name for the operator: a path, or kind and server; never a secret.
    public var name: String
    /// Lines that were delivered.
    public var written: UInt64 = 0
    /// Lines that were dropped.
    public var dropped: UInt64 = 0
    /// Lines that wait, in memory or on disk.
    public var waiting = 0
    /// How long the oldest of them has waited.
    public var lagSeconds: Double = 0
    /// The reason why it currently does not deliver; nil if it does.
    public var trouble: String?

    package init(
        name: String, written: UInt64 = 0, dropped: UInt64 = 0, waiting: Int = 0,
        lagSeconds: Double = 0, trouble: String? = nil
    ) {
        self.name = name
        self.written = written
        self.dropped = dropped
        self.waiting = waiting
        self.lagSeconds = lagSeconds
        self.trouble = trouble
    }
}

/// The counters of a sink; thread-safe.
final class SinkStatistics: Sendable {
    struct Numbers: Sendable {
        /// Lines that were queued, or found on disk at the start.
        var given: UInt64 = 0
        var written: UInt64 = 0
        var dropped: UInt64 = 0
        /// When the oldest of those on disk was queued.
        var oldestSpooled: Timestamp?
        var trouble: String?

        /// The lines that were neither written nor dropped.
        var waiting: Int { Int(clamping: given - min(given, written &+ dropped)) }
    }

    private let numbers = Mutex(Numbers())

    var now: Numbers { numbers.withLock { $0 } }

    func change(_ body: (inout Numbers) -> Void) { numbers.withLock { body(&$0) } }
}
