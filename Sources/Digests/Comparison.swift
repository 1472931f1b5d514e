import CCrypto

/// Whether both are the same, in a time that depends on their lengths only, so that the time
/// reveals nothing about a secret.
package func isEqualInConstantTime(_ given: Span<UInt8>, _ wanted: Span<UInt8>) -> Bool {
    guard given.count == wanted.count else { return false }
    // SAFETY: libcrypto reads `count` bytes of each during the call.
    return unsafe given.withUnsafeBufferPointer { left in
        unsafe wanted.withUnsafeBufferPointer { right in
            guard let first = left.baseAddress, let second = right.baseAddress else { return true }
            return unsafe CRYPTO_memcmp(first, second, left.count) == 0
        }
    }
}
