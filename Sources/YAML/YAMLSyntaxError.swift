/// Why a text is not YAML.
package struct YAMLSyntaxError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The place, the part of libyaml that reported it, and its message.
    package let description: String

    init(_ description: String) { self.description = description }

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
