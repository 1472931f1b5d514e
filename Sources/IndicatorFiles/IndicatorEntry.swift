package import Timestamps

/// One entry of `indicators`: a file, or a folder of files, with what its entries are worth.
public struct IndicatorEntry: Sendable, Equatable {
    public var name: String
    public var path: String
    /// The age from which an entry no longer counts.
    package var maximumAge = Interval.seconds(30 * 86_400)
    /// 0...100, where the file does not say it.
    public var confidence = 50

    public init(name: String, path: String) {
        self.name = name
        self.path = path
    }

    /// An entry with the file's path as its name.
    public init(file path: String) { self.init(name: path, path: path) }

    /// What is wrong with entries that are read one by one without a fault.
    package static func faults(in entries: [IndicatorEntry]) -> [String] {
        var seen: Set<String> = []
        return entries.compactMap { entry in
            if entry.name.isEmpty || entry.path.isEmpty { return "a name or path is empty" }
            return seen.insert(entry.name).inserted
                ? nil : "the name '\(entry.name)' is given twice"
        }
    }
}
