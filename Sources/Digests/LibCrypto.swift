import CCrypto

/// What all calls to libcrypto (OpenSSL 3.0 or newer) share.
enum LibCrypto {
    /// A context of our own: no setting in the system's openssl.cnf can take SHA-256 away from it.
    // SAFETY: libcrypto locks its contexts; this one is made once and never freed.
    nonisolated(unsafe) static let library: OpaquePointer = {
        guard let made = unsafe OSSL_LIB_CTX_new() else { outOfMemory("OSSL_LIB_CTX_new") }
        return unsafe made
    }()

    // SAFETY: as above; an algorithm that was fetched does not change.
    nonisolated(unsafe) static let sha256: OpaquePointer = {
        guard let fetched = unsafe EVP_MD_fetch(library, "SHA256", nil) else {
            outOfMemory("EVP_MD_fetch")
        }
        return unsafe fetched
    }()

    /// A SHA-256's worth of bytes that `fill` writes; it says whether it could.
    static func digest(
        _ call: StaticString, _ fill: (UnsafeMutablePointer<UInt8>) -> Bool
    ) -> [UInt8] {
        // SAFETY: `fill` is given as much room as it needs, and all of it is written or the program
        // ends.
        unsafe [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { room, written in
            guard let start = room.baseAddress, unsafe fill(start) else { outOfMemory(call) }
            written = SHA256.byteCount
        }
    }

    static func outOfMemory(_ call: StaticString) -> Never {
        fatalError("libcrypto: \(call) failed; is there no memory left?")
    }
}
