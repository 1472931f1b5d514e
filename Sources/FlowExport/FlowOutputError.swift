/// Why flows could not be written; one line with the remedy.
package struct FlowOutputError: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}
