public import RuntimeEvents
import TextFormats

/// A source of runtime events: one entry of `runtime_events`.
public struct RuntimeEventEntry: Sendable, Equatable {
    /// Unique among the entries; events and counters name it.
    public var name = ""
    /// A file that is followed; nil: the settings are those of what comes by HTTP.
    public var path: String?
    public var priority = RuntimeEvent.Priority.notice
    public var least = RuntimeEvent.Priority.notice
    public var keepsArguments = false

    public init() {}

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
            guard let path = entry.path else { continue }
            if !path.hasPrefix("/") {
                faults.append("'\(entry.name)': the path '\(path.printable)' must begin with /")
            }
            if path.utf8.contains(0) { faults.append("'\(entry.name)': the path has a zero byte") }
        }
        let paths = entries.compactMap(\.path)
        if Set(paths).count < paths.count { faults.append("two entries have the same path") }
        if entries.count(where: { $0.path == nil }) > 1 {
            faults.append("only one entry may have no path: that of what comes by HTTP")
        }
        return faults
    }
}
