internal import SystemPackage

/// Why a file with a secret cannot be used.
package enum SecretFault: Error, Equatable, CustomStringConvertible {
    case unreadable
    /// Other users can read it.
    case exposed(path: String)

    package var description: String {
        switch self {
        case .unreadable: "cannot be read"
        case .exposed(let path): "other users can read the secret; chmod 600 \(path)"
        }
    }
}

extension Files {
    /// Reads a file that no other user may be able to read. Symbolic links are followed, since a
    /// link has no permissions of its own.
    ///
    /// - Parameter limit: the most bytes.
    package static func readSecret(
        _ path: String, limit: Int = 1 << 20
    ) throws(SecretFault) -> [UInt8] {
        guard let bytes = try? InputFile.bytes(of: path, limit: Int64(limit)) else {
            throw .unreadable
        }
        guard let facts = try? status(path),
            facts.permissions.isDisjoint(with: FilePermissions(rawValue: 0o077))
        else { throw .exposed(path: path) }
        return bytes
    }

    /// The same without the line ends at the end, for a file with one line.
    package static func readSecretLine(_ path: String) throws(SecretFault) -> [UInt8] {
        let bytes = try readSecret(path, limit: 1 << 16)
        return Array(bytes.reversed().drop { $0 == 10 || $0 == 13 }.reversed())
    }
}
