import CCrypto

/// HMAC with SHA-256 (RFC 2104): says that who knows the key has written the message.
package enum HMACSHA256 {
    /// The code of `message`, `SHA256.byteCount` bytes; the key may have any length.
    package static func code(for message: Span<UInt8>, key: [UInt8]) -> [UInt8] {
        // Without an address libcrypto would take the key for missing, and an empty array has none.
        let present = key.isEmpty ? [0] : key
        // SAFETY: libcrypto reads as many bytes as it is told during the call, keeps no pointer,
        // and writes no more than the 32 bytes that `room` has.
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
