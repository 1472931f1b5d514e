internal import Synchronization
internal import Timestamps

/// How a sink is doing.
public struct SinkStatus: Sendable, Equatable {
    /// As the operator knows it: a path, or kind and server; never a secret.
    public var name: String
    /// Lines that were delivered.
    public var written: UInt64 = 0
    /// Lines that were given up.
    public var dropped: UInt64 = 0
    /// Lines that wait, in memory or on disk.
    public var waiting = 0
    /// How long the oldest of them has waited.
    public var lagSeconds: Double = 0
    /// Why it does not deliver at the moment; nil where it does.
    public var trouble: String?
}

/// What a sink was given and what became of it; several threads write and read.
final class SinkStatistics: Sendable {
    struct Numbers: Sendable {
        /// Lines that were handed over, or found on disk at the start.
        var given: UInt64 = 0
        var written: UInt64 = 0
        var dropped: UInt64 = 0
        /// When the oldest of those on disk was handed over.
        var oldestSpooled: Timestamp?
        var trouble: String?

        /// All others are known.
        var waiting: Int { Int(clamping: given - min(given, written &+ dropped)) }
    }

    private let numbers = Mutex(Numbers())

    var now: Numbers { numbers.withLock { $0 } }

    func change(_ body: (inout Numbers) -> Void) { numbers.withLock { body(&$0) } }
}
