internal import Glibc
internal import SystemPackage
internal import SystemSupport

extension ControlOptions {
    /// The number of a user; nil: the user does not exist.
    public static func number(ofUser name: String) -> UInt32? {
        // SAFETY: the entry is read before another call could change it.
        guard let entry = unsafe getpwnam(name) else { return nil }
        return unsafe entry.pointee.pw_uid
    }

    /// The numbers of the operators.
    ///
    /// - Throws: if one is no user.
    public func operatorNumbers() throws(ConfigurationError) -> Set<UInt32> {
        try Self.numbers(of: operators, "control.operators")
    }

    /// The numbers of the users that may override protection.
    ///
    /// - Throws: where a user does not exist.
    public func overriderNumbers() throws(ConfigurationError) -> Set<UInt32> {
        try Self.numbers(of: overriders, "control.may_force")
    }

    private static func numbers(
        of names: [String], _ key: String
    ) throws(ConfigurationError) -> Set<UInt32> {
        var numbers: Set<UInt32> = []
        for name in names {
            guard let number = number(ofUser: name) else {
                throw ConfigurationError(path: key, reason: "user '\(name)' does not exist")
            }
            numbers.insert(number)
        }
        return numbers
    }

    /// The token for the loopback port; nil: no file is configured.
    ///
    /// - Throws: if the file cannot be read, is not one word, or is readable by others.
    public func token() throws(ConfigurationError) -> String? {
        guard let path = tokenFile else { return nil }
        guard let bytes = try? Files.read(path) else {
            throw ConfigurationError(
                path: path,
                reason:
                    "the token cannot be read; make one: umask 077; openssl rand -hex 24 > \(path)")
        }
        let text = String(decoding: bytes, as: UTF8.self).trimmed
        guard text.count >= 16, !text.contains(where: \.isWhitespace) else {
            throw ConfigurationError(
                path: path, reason: "a token is one word of at least 16 characters")
        }
        // Symbolic links are followed, since a link has no permissions of its own.
        guard let facts = try? Files.status(path),
            facts.permissions.isDisjoint(with: FilePermissions(rawValue: 0o077))
        else {
            throw ConfigurationError(
                path: path, reason: "other users can read the token; chmod 600 \(path)")
        }
        return text
    }
}
