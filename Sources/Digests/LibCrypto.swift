import CCrypto

/// The shared parts of all calls to libcrypto (OpenSSL 3.0 or newer).
enum LibCrypto {
    /// A separate library context, in which no setting of the system's openssl.cnf can disable
    /// SHA-256.
    // SAFETY: libcrypto locks its contexts; this one is created once and never freed.
    nonisolated(unsafe) static let library: OpaquePointer = {
        guard let made = unsafe OSSL_LIB_CTX_new() else { outOfMemory("OSSL_LIB_CTX_new") }
        return unsafe made
    }()

    // SAFETY: as above; an algorithm that was fetched does not change.
    nonisolated(unsafe) static let sha256 = unsafe fetch("SHA256")
    nonisolated(unsafe) static let sha1 = unsafe fetch("SHA1")

    private static func fetch(_ algorithm: String) -> OpaquePointer {
        guard let fetched = unsafe EVP_MD_fetch(library, algorithm, nil) else {
            outOfMemory("EVP_MD_fetch")
        }
        return unsafe fetched
    }

    /// Returns the 32 bytes that `fill` writes; `fill` returns whether it succeeded.
    static func digest(
        _ call: StaticString, _ fill: (UnsafeMutablePointer<UInt8>) -> Bool
    ) -> [UInt8] {
        // SAFETY: `fill` gets as much space as it needs, and writes all of it, or the program ends.
        unsafe [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { room, written in
            guard let start = room.baseAddress, unsafe fill(start) else { outOfMemory(call) }
            written = SHA256.byteCount
        }
    }

    static func outOfMemory(_ call: StaticString) -> Never {
        fatalError("libcrypto: \(call) failed; is there no memory left?")
    }
}
