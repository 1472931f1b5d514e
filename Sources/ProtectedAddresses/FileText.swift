internal import Nftables
internal import SystemPackage
internal import SystemSupport

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
        do {
            return try Files.read(path, limit: 16 << 20)
        } catch .noSuchFileOrDirectory, .notDirectory, .permissionDenied, .notPermitted,
            .tooManySymbolicLinkLevels
        {
            return []
        } catch {
            throw .kernel(operation: "read \(path)", code: error.rawValue, words: "\(error)")
        }
    }
}
