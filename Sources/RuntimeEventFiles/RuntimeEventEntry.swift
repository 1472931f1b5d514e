public import RuntimeEvents
internal import SystemSupport
import TextFormats

/// A source of runtime events: one entry of `runtime_events`.
public struct RuntimeEventEntry: Sendable, Equatable {
    /// Unique among the entries; events and counters name it.
    public var name = ""
    /// A file that is followed.
    public var path: String?
    /// A Unix socket to which programs write lines.
    public var socket: String?
    public var priority = RuntimeEvent.Priority.notice
    public var least = RuntimeEvent.Priority.notice
    public var keepsArguments = false

    public init() {}

    /// Whether these are the settings of what comes by HTTP: there is neither file nor socket.
    public var isOfRequests: Bool { path == nil && socket == nil }

    /// The greatest number of entries.
    public static let countLimit = 16
    /// The name of what comes by HTTP without an entry.
    public static let apiName = "api"

    public var rules: RuntimeEventRules {
        var rules = RuntimeEventRules()
        rules.priority = priority
        rules.least = least
        rules.keepsArguments = keepsArguments
        return rules
    }

    /// What is wrong with the entries, each as one line.
    public static func faults(in entries: [RuntimeEventEntry]) -> [String] {
        var faults = EntryNames.faults(in: entries.map(\.name), limit: countLimit)
        for entry in entries {
            for (key, path) in [("path", entry.path), ("socket", entry.socket)] {
                guard let path else { continue }
                if !path.hasPrefix("/") {
                    faults.append(
                        "'\(entry.name)': the \(key) '\(path.printable)' must begin with /")
                }
                if path.utf8.contains(0) {
                    faults.append("'\(entry.name)': the \(key) has a zero byte")
                }
            }
            if entry.path != nil, entry.socket != nil {
                faults.append("'\(entry.name)': has a path and a socket; make two entries")
            }
            if let socket = entry.socket, socket.utf8.count > UnixListener.longestPath {
                faults.append("'\(entry.name)': the socket's path has more than 107 bytes")
            }
        }
        let paths = entries.flatMap { [$0.path, $0.socket].compactMap(\.self) }
        if Set(paths).count < paths.count { faults.append("two entries have the same path") }
        if entries.count(where: \.isOfRequests) > 1 {
            faults.append(
                "only one entry may have neither path nor socket: that of what comes by HTTP")
        }
        return faults
    }
}
