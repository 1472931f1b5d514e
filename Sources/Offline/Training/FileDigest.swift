import Digests
import Glibc
import SystemPackage
import SystemSupport

/// The digest that identifies a file.
public enum FileDigest {
    /// Returns the SHA-256 in hexadecimal, and the number of bytes; reads the file once, in pieces.
    ///
    /// - Throws: `.input` with the system's message.
    public static func sha256(_ path: String) throws -> (digest: String, byteCount: Int) {
        do {
            let file = try OpenFile(path, .readOnly)
            var hash = SHA256()
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            var total = 0
            while true {
                let count = try file.read(into: &buffer)
                if count == 0 { return (hash.finalize().hexadecimal, total) }
                hash.update(buffer.span.extracting(..<count))
                total += count
            }
        } catch {
            throw IOError.input(path: path, reason: "\(error)")
        }
    }
}
