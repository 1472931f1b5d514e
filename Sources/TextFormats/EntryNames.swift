/// The names of the entries of a list in a configuration.
public enum EntryNames {
    /// What is wrong with the names, each as one line: too many, not plain, or not unique.
    ///
    /// - Parameter limit: the most entries.
    public static func faults(in names: [String], limit: Int) -> [String] {
        var faults: [String] = []
        if names.count > limit { faults.append("more than \(limit) entries") }
        var seen: Set<String> = []
        for name in names {
            let isPlain =
                (1...64).contains(name.utf8.count)
                && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
            if !isPlain {
                faults.append(
                    "the name '\(name.printable)' must be 1 to 64 printable characters of ASCII, "
                        + "without spaces")
            }
            if !seen.insert(name).inserted {
                faults.append(
                    "two entries have the name '\(name.printable)'; each needs its own")
            }
        }
        return faults
    }
}
