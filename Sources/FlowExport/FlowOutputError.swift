/// Why flows could not be written; one line with its cure.
package struct FlowOutputError: Error, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}
