import Glibc

/// The error of a system call (errno(3)).
package struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
    package let code: Int32

    package init(_ code: Int32) { self.code = code }

    /// The system's message.
    package var description: String {
        // SAFETY: the text is copied before another call of this thread can change it.
        unsafe String(cString: strerror(code))
    }
}
