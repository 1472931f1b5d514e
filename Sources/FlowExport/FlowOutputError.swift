/// Why flows could not be written; one line with the remedy.
package struct FlowOutputError: Error, CustomStringConvertible {
    package let description: String
    /// Whether nobody reads standard output any more.
    package let hasNoReader: Bool

    init(_ description: String, hasNoReader: Bool = false) {
        self.description = description
        self.hasNoReader = hasNoReader
    }
}
