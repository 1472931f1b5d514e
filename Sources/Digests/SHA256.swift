import CCrypto

/// An incremental SHA-256 (FIPS 180-4), computed by libcrypto.
///
/// Nothing here throws: SHA-256 fails in libcrypto only if memory is exhausted, and then the
/// program ends, as it does in Swift itself.
@safe package struct SHA256: ~Copyable {
    /// The size of a digest in bytes.
    package static let byteCount = 32

    private let context: OpaquePointer

    package init() {
        guard let made = unsafe EVP_MD_CTX_new(),
            unsafe EVP_DigestInit_ex2(made, LibCrypto.sha256, nil) == 1
        else { LibCrypto.outOfMemory("EVP_DigestInit_ex2") }
        unsafe context = made
    }

    // SAFETY: only this value uses the context.
    deinit { unsafe EVP_MD_CTX_free(context) }

    /// Adds bytes, borrowed for the call.
    package mutating func update(_ bytes: Span<UInt8>) {
        // SAFETY: libcrypto reads `count` bytes during the call and keeps no pointer.
        let code = unsafe bytes.withUnsafeBufferPointer {
            unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count)
        }
        guard code == 1 else { LibCrypto.outOfMemory("EVP_DigestUpdate") }
    }

    /// Returns the digest of all added bytes, `byteCount` bytes.
    package consuming func finalize() -> [UInt8] {
        // SAFETY: `room` has space for the 32 bytes that SHA-256 writes.
        unsafe LibCrypto.digest("EVP_DigestFinal_ex") { room in
            unsafe EVP_DigestFinal_ex(context, room, nil) == 1
        }
    }

    /// Returns the digest of `bytes`, `byteCount` bytes.
    package static func hash(_ bytes: Span<UInt8>) -> [UInt8] {
        // SAFETY: as in `update` and `finalize`.
        unsafe LibCrypto.digest("EVP_Digest") { room in
            unsafe bytes.withUnsafeBufferPointer {
                unsafe EVP_Digest($0.baseAddress, $0.count, room, nil, LibCrypto.sha256, nil) == 1
            }
        }
    }
}
