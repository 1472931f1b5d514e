import Crypto
import Foundation
import SystemSupport

/// What tells a file from every other.
public enum FileDigest {
    /// SHA-256 in hexadecimal, and the number of bytes; reads the file once, in pieces.
    ///
    /// - Throws: `.input` with the system's words.
    public static func sha256(_ path: String) throws -> (digest: String, byteCount: Int) {
        do {
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }
            var hasher = SHA256()
            var count = 0
            while let chunk = try file.read(upToCount: 1 << 20), !chunk.isEmpty {
                hasher.update(data: chunk)
                count += chunk.count
            }
            return (hasher.finalize().map { String(format: "%02x", $0) }.joined(), count)
        } catch {
            throw IOError.input(path: path, reason: OutputFile.reason(error))
        }
    }
}
