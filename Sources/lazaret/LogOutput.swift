import FoundationEssentials
import Glibc
import Logging
import SystemPackage
import Synchronization
import SystemSupport
import TextFormats

/// Writes log lines to standard error.
///
/// If standard error is the journal, a line begins with its priority, which the journal removes
/// (sd-daemon(3)). Otherwise it begins with the program's name, and from `warning` on with the
/// level.
struct LogOutput: LogHandler {
    /// The lowest level that is written, for every logger of the program.
    private static let least = Atomic<Int>(rank(.info))

    private static let writesToJournal = isJournal(
        ProcessInfo.processInfo.environment["JOURNAL_STREAM"])

    var metadata: Logger.Metadata = [:]

    var logLevel: Logger.Level {
        get {
            let rank = Self.least.load(ordering: .relaxed)
            return Logger.Level.allCases.first { Self.rank($0) == rank } ?? .info
        }
        nonmutating set { Self.setLevel(newValue) }
    }

    /// A logger that writes to standard error.
    static let logger = Logger(label: "lazaret") { _ in LogOutput() }

    /// Takes effect immediately, for every logger.
    static func setLevel(_ level: Logger.Level) {
        least.store(rank(level), ordering: .relaxed)
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let text = "\(event.message)".printable
        if Self.writesToJournal {
            StandardError.write("<\(Self.priority(event.level))>\(text)\n")
        } else {
            StandardError.write("lazaret: \(Self.word(event.level))\(text)\n")
        }
    }

    private static func rank(_ level: Logger.Level) -> Int {
        Logger.Level.allCases.firstIndex(of: level) ?? 0
    }

    /// The priority of syslog(3).
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    private static func word(_ level: Logger.Level) -> String {
        level < .warning ? "" : "\(level): "
    }

    /// Whether standard error is the stream that systemd has connected to its journal.
    ///
    /// - Parameter stream: JOURNAL_STREAM, device and inode of that stream (systemd.exec(5)).
    private static func isJournal(_ stream: String?) -> Bool {
        guard let stream, let status = try? OpenFile(owning: .standardError).status() else {
            return false
        }
        return stream == "\(status.deviceID.rawValue):\(status.inode.rawValue)"
    }
}
