internal import Logging

/// Logs what there is to say of files that are read again and again: a line only where it is
/// another than the last time.
struct ChangedLines {
    private var said: [String: String] = [:]

    /// - Parameters:
    ///   - lines: one for each path; what is no longer among them is forgotten.
    ///   - topic: begins each line.
    mutating func log(
        _ lines: [(path: String, text: String, level: Logger.Level)], about topic: String,
        to logger: Logger
    ) {
        var next: [String: String] = [:]
        for line in lines {
            next[line.path] = line.text
            guard said[line.path] != line.text else { continue }
            logger.log(level: line.level, "\(topic): \(line.text)")
        }
        said = next
    }
}
