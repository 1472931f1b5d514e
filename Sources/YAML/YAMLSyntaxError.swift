/// Why a text is not YAML.
package struct YAMLSyntaxError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The place, the part of libyaml that reported it, and its message.
    package let description: String
    /// Whether the text is YAML, but for keys that a mapping has twice.
    let isRepetition: Bool

    init(_ description: String) {
        self.description = description
        isRepetition = false
    }

    /// - Parameter repeated: each key that is repeated, with its line.
    init(repeated: [String]) {
        description = repeated.joined(separator: "; ")
        isRepetition = true
    }

    init(_ mark: YAMLMark, _ part: String, _ words: String) {
        self.init("\(mark): error: \(part): \(words)")
    }
}

/// A position in the text; line and column are counted from 1.
struct YAMLMark: Equatable, CustomStringConvertible {
    let line: Int
    let column: Int

    var description: String { "\(line):\(column)" }
}
