import CCrypto

/// HMAC with SHA-256 (RFC 2104): proves that the message was written with the key.
package enum HMACSHA256 {
    /// Returns the code of `message`, `SHA256.byteCount` bytes; the key may have any length.
    package static func code(for message: Span<UInt8>, key: [UInt8]) -> [UInt8] {
        // libcrypto treats a null pointer as a missing key, and an empty array has a null pointer.
        let present = key.isEmpty ? [0] : key
        // SAFETY: libcrypto reads the given number of bytes during the call, keeps no pointer, and
        // writes no more than the 32 bytes of `room`.
        return unsafe LibCrypto.digest("EVP_Q_mac") { room in
            var written = 0
            return unsafe message.withUnsafeBufferPointer {
                unsafe EVP_Q_mac(
                    LibCrypto.library, "HMAC", nil, "SHA256", nil, present, key.count,
                    $0.baseAddress, $0.count, room, SHA256.byteCount, &written) != nil
            }
        }
    }
}
