internal import Glibc

/// Files that are written as bytes come.
package enum WholeWrite {
    /// Writes all of `bytes`.
    ///
    /// - Returns: how many were written, and the error number where that is not all.
    package static func write(_ bytes: [UInt8], to descriptor: Int32) -> (
        count: Int, failure: Int32?
    ) {
        var offset = 0
        while offset < bytes.count {
            // SAFETY: the range lies in the array.
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
