import CCrypto

/// SHA-1 (FIPS 180-4) for identifiers of version 5 (RFC 9562), which need no secure digest.
package enum SHA1 {
    /// The size of a digest in bytes.
    package static let byteCount = 20

    /// Returns the digest of `bytes`, `byteCount` bytes.
    package static func hash(_ bytes: Span<UInt8>) -> [UInt8] {
        // SAFETY: libcrypto reads `count` bytes and writes 20 during the call, and keeps no
        // pointer.
        unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { room, written in
            let code = unsafe bytes.withUnsafeBufferPointer {
                unsafe EVP_Digest(
                    $0.baseAddress, $0.count, room.baseAddress, nil, LibCrypto.sha1, nil)
            }
            guard code == 1 else { LibCrypto.outOfMemory("EVP_Digest") }
            written = byteCount
        }
    }
}
