/// Why a text is no YAML.
package struct YAMLSyntaxError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Place, libyaml's part that found it, and its words.
    package let description: String

    init(_ description: String) { self.description = description }

    init(_ mark: YAMLMark, _ part: String, _ words: String) {
        self.init("\(mark): error: \(part): \(words)")
    }
}

/// A place in the text, both counted from 1.
struct YAMLMark: Equatable, CustomStringConvertible {
    let line: Int
    let column: Int

    var description: String { "\(line):\(column)" }
}
