internal import Glibc

/// Owns a file or socket and closes it with the last reference.
package final class Descriptor: Sendable {
    package let number: Int32

    package init(_ number: Int32) { self.number = number }

    // Standard streams are not closed.
    deinit { if number > 2 { close(number) } }
}
