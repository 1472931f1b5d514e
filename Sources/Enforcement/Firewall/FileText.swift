internal import Glibc
internal import Nftables

/// Reads small files of the system.
enum FileText {
    /// - Returns: nothing where the file does not exist, or this user may not read it.
    /// - Throws: where it cannot be read for another reason, such as a lack of descriptors.
    static func lines(_ path: String) throws(NetlinkError) -> [Substring] {
        String(decoding: try bytes(path), as: UTF8.self).split(separator: "\n")
    }

    /// - Returns: nothing where the file does not exist, or this user may not read it.
    /// - Throws: where it cannot be read for another reason, such as a lack of descriptors.
    static func bytes(_ path: String) throws(NetlinkError) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code = errno
            guard ![ENOENT, ENOTDIR, EACCES, EPERM, ELOOP].contains(code) else { return [] }
            throw .kernel(
                operation: "read \(path)", code: code, words: unsafe String(cString: strerror(code))
            )
        }
        defer { close(descriptor) }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while text.count < 16 << 20 {
            // SAFETY: the call writes at most `raw.count` bytes to the array's buffer, which is
            // valid for the call.
            let count = unsafe chunk.withUnsafeMutableBytes { raw in
                unsafe read(descriptor, raw.baseAddress, raw.count)
            }
            guard count > 0 else { break }
            text += chunk.prefix(count)
        }
        return text
    }
}
