internal import Synchronization

/// SIGINT or SIGTERM of a command that reads files: it stops at the next packets or windows, and
/// removes what it has begun to write.
public enum Interruption {
    private static let number = Atomic<Int32>(0)

    /// Notes a signal; may be called by its handler after `isRequested` was read once.
    public static func request(by signal: Int32) { number.store(signal, ordering: .relaxed) }

    /// Whether a signal has come.
    public static var isRequested: Bool { number.load(ordering: .relaxed) != 0 }

    /// The exit status, as in a shell.
    public static var exitCode: Int32 { 128 + number.load(ordering: .relaxed) }
}
