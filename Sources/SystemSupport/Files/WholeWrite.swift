internal import Glibc

/// Writes bytes completely.
package enum WholeWrite {
    /// Writes all of `bytes`.
    ///
    /// - Returns: the number of written bytes, and the error number if that is not all of them.
    package static func write(_ bytes: [UInt8], to descriptor: Int32) -> (
        count: Int, failure: Int32?
    ) {
        var offset = 0
        while offset < bytes.count {
            // SAFETY: the range is within the array.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(
                    descriptor, buffer.baseAddress.unsafelyUnwrapped + offset,
                    buffer.count - offset)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return (offset, errno) }
            offset += count
        }
        return (offset, nil)
    }
}
