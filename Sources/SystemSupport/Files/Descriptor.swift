internal import SystemPackage

/// Owns a file or socket and closes it with the last reference.
package final class Descriptor: Sendable {
    package let file: OpenFile

    package var number: Int32 { file.number }

    package init(_ file: consuming OpenFile) { self.file = file }

    /// - Parameter number: a descriptor that is closed by the new owner.
    package convenience init(owning number: Int32) {
        self.init(OpenFile(owning: FileDescriptor(rawValue: number)))
    }
}
